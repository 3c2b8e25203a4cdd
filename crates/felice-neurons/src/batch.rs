//! [`Batch`]: neurons of one model as a matrix, one row a neuron — felice's own shape.

use nalgebra::{DMatrix, DVector};

use crate::any::AnyNeuron;
use crate::error::NeuronError;

/// Some neurons of one model, each parameter one number for all or one a neuron. Rows never affect each other.
#[derive(Clone, Debug)]
pub struct Batch {
    neuron: AnyNeuron,
    len: usize,
    each: Vec<(String, Vec<f64>)>,
}

impl Batch {
    /// `len` neurons like this one.
    pub fn new(neuron: AnyNeuron, len: usize) -> Self {
        Batch { neuron, len, each: Vec::new() }
    }

    /// How many neurons.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives every neuron its own value of a parameter.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where there are not as many values as neurons; [`NeuronError::UnknownParameter`] and
    /// [`NeuronError::Parameter`]; [`NeuronError::Run`] where it would give neurons different numbers of states.
    pub fn set_each(&mut self, name: &str, values: &[f64]) -> Result<(), NeuronError> {
        if values.len() != self.len {
            return Err(NeuronError::Width { what: "values of a parameter", expected: self.len, got: values.len() });
        }
        let mut neuron = self.neuron.clone();
        let mut states = None;
        for &value in values {
            neuron.set(name, value)?;
            if *states.get_or_insert(neuron.dimension()) != neuron.dimension() {
                return Err(NeuronError::Run {
                    what: "tau_fast",
                    value: value.to_string(),
                    range: "zero for all, or for none",
                });
            }
        }
        self.neuron = neuron;
        self.each.retain(|(n, _)| n != name);
        self.each.push((name.to_owned(), values.to_vec()));
        Ok(())
    }

    /// Neuron `i` on its own, with its parameters.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where there is no such neuron.
    pub fn neuron(&self, i: usize) -> Result<AnyNeuron, NeuronError> {
        if i >= self.len {
            return Err(NeuronError::Width { what: "neurons", expected: i + 1, got: self.len });
        }
        let mut neuron = self.neuron.clone();
        for (name, values) in &self.each {
            neuron.set(name, values[i])?;
        }
        Ok(neuron)
    }

    /// Every neuron's initial state, one row a neuron.
    ///
    /// # Errors
    /// [`NeuronError::NoFixedPoint`] where a start should be a fixed point and none is found.
    pub fn init_state(&self) -> Result<DMatrix<f64>, NeuronError> {
        self.rows(|neuron, _, out| {
            out.copy_from_slice(&neuron.initial_state()?);
            Ok(())
        })
    }

    /// The vector field, one row a neuron.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where `y` has not one row a neuron and one column a state.
    pub fn vector_field(&self, y: &DMatrix<f64>) -> Result<DMatrix<f64>, NeuronError> {
        self.check(y)?;
        self.rows(|neuron, i, out| neuron.field(&row(y, i), out))
    }

    /// The vector field with currents injected into every state, at any time (the equations do not depend on it).
    ///
    /// # Errors
    /// As [`vector_field`](Self::vector_field), for `currents` too.
    pub fn dynamics(&self, _t: f64, y: &DMatrix<f64>, currents: &DMatrix<f64>) -> Result<DMatrix<f64>, NeuronError> {
        self.check(y)?;
        self.check(currents)?;
        self.rows(|neuron, i, out| {
            neuron.field(&row(y, i), out)?;
            for (k, d) in out.iter_mut().enumerate() {
                *d += neuron.input_gain(k) * currents[(i, k)];
            }
            Ok(())
        })
    }

    /// The spike condition, one number a neuron, positive = spike.
    ///
    /// # Errors
    /// As [`vector_field`](Self::vector_field).
    pub fn spike_condition(&self, y: &DMatrix<f64>) -> Result<DVector<f64>, NeuronError> {
        self.check(y)?;
        let all: Result<Vec<f64>, NeuronError> =
            (0..self.len).map(|i| self.neuron(i)?.spike_condition(&row(y, i))).collect();
        Ok(DVector::from_vec(all?))
    }

    fn check(&self, y: &DMatrix<f64>) -> Result<(), NeuronError> {
        self.neuron.check_width("columns", y.ncols())?;
        if y.nrows() != self.len {
            return Err(NeuronError::Width { what: "rows", expected: self.len, got: y.nrows() });
        }
        Ok(())
    }

    fn rows(
        &self,
        f: impl Fn(&AnyNeuron, usize, &mut [f64]) -> Result<(), NeuronError>,
    ) -> Result<DMatrix<f64>, NeuronError> {
        let mut all = DMatrix::zeros(self.len, self.neuron.dimension());
        let mut out = vec![0.0; self.neuron.dimension()];
        for i in 0..self.len {
            f(&self.neuron(i)?, i, &mut out)?;
            out.iter().enumerate().for_each(|(k, x)| all[(i, k)] = *x);
        }
        Ok(all)
    }
}

fn row(y: &DMatrix<f64>, i: usize) -> Vec<f64> {
    y.row(i).iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_or_one_a_neuron() {
        let mut batch = Batch::new(AnyNeuron::new("fhnrs").unwrap(), 3);
        batch.set_each("tau_slow", &[10.0, 20.0, 40.0]).unwrap();
        let y = DMatrix::from_row_slice(3, 3, &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let dy = batch.vector_field(&y).unwrap();
        assert_eq!((dy[(0, 1)], dy[(1, 1)], dy[(2, 1)]), (0.1, 0.05, 0.025));
        assert_eq!((dy[(0, 0)], batch.init_state().unwrap()), (dy[(2, 0)], DMatrix::zeros(3, 3)));
        let pushed = batch.dynamics(5.0, &y, &DMatrix::from_element(3, 3, 0.5)).unwrap();
        assert_eq!(pushed, dy.add_scalar(0.5));
        assert_eq!(batch.spike_condition(&y).unwrap(), DVector::from_element(3, -1.0));
    }

    #[test]
    fn widths_are_checked() {
        let mut batch = Batch::new(AnyNeuron::new("fhnrs").unwrap(), 2);
        assert!(batch.set_each("c", &[1.0]).is_err());
        assert!(batch.set_each("c", &[1.0, -1.0]).is_err());
        assert!(batch.set_each("tau_fast", &[1.0, 0.0]).is_err());
        batch.set_each("tau_fast", &[1.0, 2.0]).unwrap();
        assert_eq!(batch.init_state().unwrap().shape(), (2, 4));
        assert!(batch.vector_field(&DMatrix::zeros(2, 3)).is_err());
        assert!(batch.neuron(2).is_err());
    }
}
