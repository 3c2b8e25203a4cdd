//! [`Batch`]: neurons of one model as a matrix, one row a neuron — felice's own shape, in f64 or f32.

use nalgebra::{DMatrix, DVector};

use crate::any::AnyNeuron;
use crate::error::NeuronError;
use crate::models::Fhnrs;
use crate::number::Number;

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
                    what: "an element's lag",
                    value: value.to_string(),
                    range: "zero for all neurons of a batch, or for none",
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
    pub fn init_state<R: Number>(&self) -> Result<DMatrix<R>, NeuronError> {
        self.rows(self.neuron.dimension(), |neuron, _, out| {
            let y = neuron.initial_state()?;
            out.iter_mut().zip(y).for_each(|(out, y)| *out = R::from_f64(y));
            Ok(())
        })
    }

    /// The vector field, one row a neuron.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where `y` has not one row a neuron and one column a state.
    pub fn vector_field<R: Number>(&self, y: &DMatrix<R>) -> Result<DMatrix<R>, NeuronError> {
        self.check(y)?;
        self.rows(y.ncols(), |neuron, i, out| {
            R::field(&*neuron.model, &row(y, i), out);
            Ok(())
        })
    }

    /// The vector field with currents injected into every state, at any time (the equations do not depend on it).
    ///
    /// # Errors
    /// As [`vector_field`](Self::vector_field), for `currents` too.
    pub fn dynamics<R: Number>(
        &self,
        _t: f64,
        y: &DMatrix<R>,
        currents: &DMatrix<R>,
    ) -> Result<DMatrix<R>, NeuronError> {
        self.check(y)?;
        self.check(currents)?;
        self.rows(y.ncols(), |neuron, i, out| {
            R::field(&*neuron.model, &row(y, i), out);
            for (k, d) in out.iter_mut().enumerate() {
                *d = *d + R::from_f64(neuron.input_gain(k)) * currents[(i, k)];
            }
            Ok(())
        })
    }

    /// The spike condition, one number a neuron, positive = spike.
    ///
    /// # Errors
    /// As [`vector_field`](Self::vector_field).
    pub fn spike_condition<R: Number>(&self, y: &DMatrix<R>) -> Result<DVector<R>, NeuronError> {
        self.check(y)?;
        let mut dy = vec![R::num(0.0); y.ncols()];
        let all = self.rows(1, |neuron, i, out| {
            let y = row(y, i);
            R::field(&*neuron.model, &y, &mut dy);
            out[0] = R::spike_condition(&*neuron.model, &y, &dy);
            Ok(())
        })?;
        Ok(all.column(0).into_owned())
    }

    /// FHNRS: current against voltage, both elements still at `v_rest`; one row a neuron, one column a voltage.
    ///
    /// # Errors
    /// [`NeuronError::NotFhnrs`] for another model.
    pub fn iv_inst<R: Number>(&self, v: &[R], v_rest: R) -> Result<DMatrix<R>, NeuronError> {
        self.iv(v, |p, v| p.iv_inst(v, v_rest))
    }

    /// FHNRS: current against voltage, the fast element following, the slow one still at `v_rest`.
    ///
    /// # Errors
    /// As [`iv_inst`](Self::iv_inst).
    pub fn iv_fast<R: Number>(&self, v: &[R], v_rest: R) -> Result<DMatrix<R>, NeuronError> {
        self.iv(v, |p, v| p.iv_fast(v, v_rest))
    }

    /// FHNRS: current against voltage, both elements following.
    ///
    /// # Errors
    /// As [`iv_inst`](Self::iv_inst).
    pub fn iv_slow<R: Number>(&self, v: &[R]) -> Result<DMatrix<R>, NeuronError> {
        self.iv(v, |p, v| p.iv_slow(v))
    }

    fn iv<R: Number>(&self, v: &[R], current: impl Fn(&Fhnrs<R>, R) -> R) -> Result<DMatrix<R>, NeuronError> {
        self.rows(v.len(), |neuron, _, out| {
            let p = neuron.fhnrs()?;
            out.iter_mut().zip(v).for_each(|(out, v)| *out = current(&p, *v));
            Ok(())
        })
    }

    fn check<R: Number>(&self, y: &DMatrix<R>) -> Result<(), NeuronError> {
        self.neuron.check_width("columns", y.ncols())?;
        if y.nrows() != self.len {
            return Err(NeuronError::Width { what: "rows", expected: self.len, got: y.nrows() });
        }
        Ok(())
    }

    /// A matrix of one row a neuron, each from that neuron.
    fn rows<R: Number>(
        &self,
        columns: usize,
        mut f: impl FnMut(&AnyNeuron, usize, &mut [R]) -> Result<(), NeuronError>,
    ) -> Result<DMatrix<R>, NeuronError> {
        let mut all = DMatrix::from_element(self.len, columns, R::num(0.0));
        let mut out = vec![R::num(0.0); columns];
        let each: Vec<(usize, &[f64])> = self
            .each
            .iter()
            .map(|(name, v)| Ok((self.neuron.index(name)?, &v[..])))
            .collect::<Result<_, NeuronError>>()?;
        let mut neuron = self.neuron.clone();
        for i in 0..self.len {
            // Every value has been looked at, and gives as many states as the others.
            each.iter().for_each(|(index, values)| neuron.model.set_parameter(*index, values[i]));
            f(&neuron, i, &mut out)?;
            out.iter().enumerate().for_each(|(k, x)| all[(i, k)] = *x);
        }
        Ok(all)
    }
}

fn row<R: Number>(y: &DMatrix<R>, i: usize) -> Vec<R> {
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
        assert_eq!((dy[(0, 0)], batch.init_state().unwrap()), (dy[(2, 0)], DMatrix::<f64>::zeros(3, 3)));
        let pushed = batch.dynamics(5.0, &y, &DMatrix::from_element(3, 3, 0.5)).unwrap();
        assert_eq!(pushed, dy.add_scalar(0.5));
        assert_eq!(batch.spike_condition(&y).unwrap(), DVector::from_element(3, -1.0));
        let curves = batch.iv_slow(&[0.0, 1.0]).unwrap();
        assert_eq!((curves.shape(), curves[(2, 1)]), ((3, 2), Fhnrs::default().iv_slow(1.0)));
        assert!(Batch::new(AnyNeuron::new("boomerang").unwrap(), 1).iv_slow(&[0.0]).is_err());
    }

    #[test]
    fn in_single_precision() {
        let mut batch = Batch::new(AnyNeuron::new("boomerang").unwrap(), 2);
        batch.set_each("alpha", &[0.0129, 0.00129]).unwrap();
        let y: DMatrix<f32> = batch.init_state().unwrap();
        assert_eq!(y[(0, 0)], 0.279_142_735_821_966_f64 as f32);
        let (dy, zero) = (batch.vector_field(&y).unwrap(), DMatrix::zeros(2, 2));
        assert_eq!(dy, batch.dynamics(0.0, &y, &zero).unwrap());
        for i in 0..2 {
            let mut alone = [0.0; 2];
            batch.neuron(i).unwrap().field_f32(&[y[(i, 0)], y[(i, 1)]], &mut alone).unwrap();
            assert_eq!(alone, [dy[(i, 0)], dy[(i, 1)]]);
        }
        assert!(batch.spike_condition(&y).unwrap().iter().all(|s| *s > 0.0));
    }

    #[test]
    fn widths_are_checked() {
        let mut batch = Batch::new(AnyNeuron::new("fhnrs").unwrap(), 2);
        assert!(batch.set_each("c", &[1.0]).is_err());
        assert!(batch.set_each("c", &[1.0, -1.0]).is_err());
        assert!(batch.set_each("tau_fast", &[1.0, 0.0]).is_err());
        batch.set_each("tau_fast", &[1.0, 2.0]).unwrap();
        assert_eq!(batch.init_state::<f64>().unwrap().shape(), (2, 4));
        assert!(batch.vector_field(&DMatrix::<f64>::zeros(2, 3)).is_err());
        assert!(batch.neuron(2).is_err());
    }
}
