//! [`AnyNeuron`]: a model chosen by name at run time — what the command line and `felice-verify` speak to.

use std::fmt;

use nalgebra::DMatrix;

use crate::error::NeuronError;
use crate::model::{Known, Model};
use crate::models::{Boomerang, BoomerangNotesSign, Element, Fhnrs, FhnrsLagged, RibarSepulchre, WereRabbit};
use crate::models::{BoomerangBranches, FhnrsSaturating, WereRabbitBranches};
use crate::neuron::{Info, Neuron, Row};
use crate::number::Number;

/// Names that [`AnyNeuron::new`] knows.
pub const MODELS: &[&str] = &[
    "boomerang",
    "fhnrs",
    "wererabbit",
    "ribar-sepulchre",
    "boomerang-branches",
    "fhnrs-saturating",
    "wererabbit-branches",
];

/// A derivative up to here has no overflowed exponential in it.
const SUSPECT: f64 = 1e6;

/// One neuron of any model: equations, parameters, options.
#[derive(Clone)]
pub struct AnyNeuron {
    pub(crate) model: Box<dyn Model>,
    info: Info,
    option: Option<String>,
}

impl fmt::Debug for AnyNeuron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.parameters().map(|(name, value)| format!("{name} = {value}"));
        write!(f, "{} {{ {} }}", self.info.name, values.collect::<Vec<_>>().join(", "))
    }
}

impl AnyNeuron {
    /// The model of that name with default parameters.
    ///
    /// # Errors
    /// [`NeuronError::UnknownModel`].
    pub fn new(name: &str) -> Result<Self, NeuronError> {
        match name {
            "boomerang" => Ok(Self::of::<Boomerang>(Boomerang::default())),
            "fhnrs" => Ok(Self::of::<Fhnrs>(Fhnrs::default())),
            "wererabbit" => Ok(Self::of::<WereRabbit>(WereRabbit::default())),
            "boomerang-branches" => Ok(Self::of::<BoomerangBranches>(BoomerangBranches::default())),
            "fhnrs-saturating" => Ok(Self::of::<FhnrsSaturating>(FhnrsSaturating::default())),
            "wererabbit-branches" => Ok(Self::of::<WereRabbitBranches>(WereRabbitBranches::default())),
            "ribar-sepulchre" => Ok(Self::wrap(RibarSepulchre::default())),
            _ => Err(NeuronError::UnknownModel { name: name.to_owned(), known: MODELS.join(", ") }),
        }
    }

    /// A model known at compile time — one of ours or your own — with these parameters.
    pub fn of<M: Neuron>(parameters: M::Parameters<f64>) -> Self {
        Self::wrap(Known::<M>::new(parameters))
    }

    /// A neuron of the Ribar–Sepulchre family with these elements, the rest at its defaults.
    ///
    /// # Errors
    /// [`NeuronError::Parameter`] where an element's number is out of range.
    pub fn ribar_sepulchre(elements: &[Element]) -> Result<Self, NeuronError> {
        let neuron = Self::wrap(RibarSepulchre { elements: elements.to_vec(), ..RibarSepulchre::default() });
        neuron.check()?;
        Ok(neuron)
    }

    fn wrap(model: impl Model + 'static) -> Self {
        Self::from_model(Box::new(model))
    }

    pub(crate) fn from_model(model: Box<dyn Model>) -> Self {
        AnyNeuron { info: model.info(), model, option: None }
    }

    /// Name, states, parameters, options, sources; of a fhnrs with `tau_fast` > 0, four states.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.info.states.len()
    }

    /// Every parameter by name, with its value.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, f64)> {
        self.info.parameters.iter().enumerate().map(|(i, p)| (&*p.name, self.model.parameter(i)))
    }

    pub(crate) fn index(&self, name: &str) -> Result<usize, NeuronError> {
        self.info.parameters.iter().position(|p| p.name == name).ok_or_else(|| NeuronError::UnknownParameter {
            model: self.info.name.clone(),
            name: name.to_owned(),
            known: self.info.parameters.iter().map(|p| &*p.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// [`NeuronError::UnknownParameter`].
    pub fn get(&self, name: &str) -> Result<f64, NeuronError> {
        Ok(self.model.parameter(self.index(name)?))
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// [`NeuronError::UnknownParameter`], or [`NeuronError::Parameter`] where the value is outside the range; the
    /// neuron is unchanged then.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), NeuronError> {
        let i = self.index(name)?;
        self.check_value(i, value)?;
        self.model.set_parameter(i, value);
        if self.info.name == "fhnrs" {
            self.choose_fhnrs();
        }
        self.info = self.model.info();
        Ok(())
    }

    /// The same neuron with another value of one parameter.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn with(&self, name: &str, value: f64) -> Result<Self, NeuronError> {
        let mut other = self.clone();
        other.set(name, value)?;
        Ok(other)
    }

    /// tau_fast decides how many states a fhnrs has.
    fn choose_fhnrs(&mut self) {
        let p = Fhnrs::<f64>::from_fn(|i| self.model.parameter(i));
        self.model =
            if p.tau_fast > 0.0 { Box::new(Known::<FhnrsLagged>::new(p)) } else { Box::new(Known::<Fhnrs>::new(p)) };
    }

    fn check_value(&self, i: usize, value: f64) -> Result<(), NeuronError> {
        let p = &self.info.parameters[i];
        if p.range.contains(value) {
            return Ok(());
        }
        Err(NeuronError::Parameter { model: self.info.name.clone(), parameter: p.name.clone(), value, range: p.range })
    }

    /// Every parameter within its range? (Parameters given as a struct have not been looked at.)
    ///
    /// # Errors
    /// [`NeuronError::Parameter`] for the first that is not.
    pub fn check(&self) -> Result<(), NeuronError> {
        (0..self.info.parameters.len()).try_for_each(|i| self.check_value(i, self.model.parameter(i)))
    }

    /// Switches an option on (`notes-sign` of boomerang).
    ///
    /// # Errors
    /// [`NeuronError::UnknownOption`].
    pub fn choose(&mut self, option: &str) -> Result<(), NeuronError> {
        if !self.info.options.iter().any(|o| o.name == option) {
            return Err(NeuronError::UnknownOption {
                model: self.info.name.clone(),
                name: option.to_owned(),
                known: self.info.options.iter().map(|o| &*o.name).collect::<Vec<_>>().join(", "),
            });
        }
        if option == "notes-sign" {
            let p = Boomerang::<f64>::from_fn(|i| self.model.parameter(i));
            self.model = Box::new(Known::<BoomerangNotesSign>::new(p));
        }
        self.option = Some(option.to_owned());
        Ok(())
    }

    /// The option switched on, if any.
    pub fn option(&self) -> Option<&str> {
        self.option.as_deref()
    }

    /// Where a trajectory starts unless told otherwise.
    ///
    /// # Errors
    /// [`NeuronError::NoFixedPoint`] where it should be a fixed point and none is found.
    pub fn initial_state(&self) -> Result<Vec<f64>, NeuronError> {
        self.model.initial_state()
    }

    pub(crate) fn check_width(&self, what: &'static str, got: usize) -> Result<(), NeuronError> {
        let expected = self.dimension();
        if got == expected { Ok(()) } else { Err(NeuronError::Width { what, expected, got }) }
    }

    /// The vector field: d(state)/dt into `dy`.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where a slice is not [`dimension`](Self::dimension) long.
    pub fn field(&self, y: &[f64], dy: &mut [f64]) -> Result<(), NeuronError> {
        self.check_width("state", y.len())?;
        self.check_width("derivative", dy.len())?;
        self.model.field(y, dy);
        Ok(())
    }

    /// The vector field in single precision.
    ///
    /// # Errors
    /// As [`field`](Self::field).
    pub fn field_f32(&self, y: &[f32], dy: &mut [f32]) -> Result<(), NeuronError> {
        self.check_width("state", y.len())?;
        self.check_width("derivative", dy.len())?;
        self.model.field_f32(y, dy);
        Ok(())
    }

    /// The spike condition at a state, positive = spike.
    ///
    /// # Errors
    /// [`NeuronError::Width`].
    pub fn spike_condition(&self, y: &[f64]) -> Result<f64, NeuronError> {
        let mut dy = vec![0.0; y.len()];
        self.field(y, &mut dy)?;
        Ok(self.model.spike_condition(y, &dy))
    }

    /// The spike condition in single precision.
    ///
    /// # Errors
    /// [`NeuronError::Width`].
    pub fn spike_condition_f32(&self, y: &[f32]) -> Result<f32, NeuronError> {
        let mut dy = vec![0.0; y.len()];
        self.field_f32(y, &mut dy)?;
        Ok(self.model.spike_condition_f32(y, &dy))
    }

    /// Field (into `dy`) and spike condition in one evaluation, in either precision, as the equations give them: what an
    /// exponential too large for the precision has gone into is infinite. ([`field`](Self::field) saturates there, so that an
    /// integrator has numbers to judge by.)
    ///
    /// # Errors
    /// [`NeuronError::Width`].
    pub fn evaluate<R: Number>(&self, y: &[R], dy: &mut [R]) -> Result<R, NeuronError> {
        self.check_width("state", y.len())?;
        self.check_width("derivative", dy.len())?;
        R::field(&*self.model, y, dy);
        let mut spike = R::spike_condition(&*self.model, y, dy);
        let large = |x: R| x.abs() > R::num(SUSPECT);
        if dy.iter().any(|d| large(*d)) || large(spike) {
            let mut over = vec![false; y.len() + 1];
            R::overflowed(&*self.model, y, &mut over);
            for (x, over) in dy.iter_mut().chain([&mut spike]).zip(over) {
                if over && large(*x) {
                    *x = R::num(f64::INFINITY).copysign(*x);
                }
            }
        }
        Ok(spike)
    }

    /// The parameters of a fhnrs, in either precision.
    ///
    /// # Errors
    /// [`NeuronError::NotFhnrs`] for another model.
    pub fn fhnrs<R: Number>(&self) -> Result<Fhnrs<R>, NeuronError> {
        if self.info.name != "fhnrs" {
            return Err(NeuronError::NotFhnrs { model: self.info.name.clone() });
        }
        Ok(Fhnrs::from_fn(|i| R::from_f64(self.model.parameter(i))))
    }

    /// The Jacobian, `[(row, column)]` = d(field row)/d(state column), exact.
    ///
    /// # Errors
    /// [`NeuronError::Width`].
    pub fn jacobian(&self, y: &[f64]) -> Result<DMatrix<f64>, NeuronError> {
        self.check_width("state", y.len())?;
        let n = y.len();
        let mut j = vec![0.0; n * n];
        self.model.jacobian(y, &mut j);
        Ok(DMatrix::from_row_slice(n, n, &j))
    }

    /// How much an injected current adds to the derivative of state `i`, per unit of current.
    pub fn input_gain(&self, i: usize) -> f64 {
        self.model.input_gain(i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        for name in MODELS {
            let neuron = AnyNeuron::new(name).unwrap();
            assert_eq!(neuron.info().name, *name);
            assert_eq!(neuron.initial_state().unwrap().len(), neuron.dimension());
            for (p, (name, value)) in neuron.info().parameters.iter().zip(neuron.parameters()) {
                assert_eq!((&*p.name, p.default), (name, value));
                assert!(p.range.contains(p.default));
            }
        }
        assert!(AnyNeuron::new("bomerang").unwrap_err().to_string().contains("boomerang, fhnrs"));
    }

    #[test]
    fn parameters_are_checked() {
        let mut neuron = AnyNeuron::new("wererabbit").unwrap();
        for (name, value) in [("alpha", 0.0), ("sigma", -0.1), ("beta", f64::NAN)] {
            let message = neuron.set(name, value).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("finite"), "{message}");
        }
        assert_eq!(neuron.get("alpha").unwrap(), 0.0129);
        assert!(neuron.set("tau", 1.0).unwrap_err().to_string().contains("alpha, beta"));
    }

    #[test]
    fn an_overflow_is_infinite_and_no_earlier() {
        let n = AnyNeuron::new("wererabbit").unwrap();
        let du = |u: f64| {
            let mut dy = [0.0; 2];
            n.evaluate(&[0.0, u], &mut dy).unwrap();
            dy[0]
        };
        // e^{15.6 u} overflows from u = 45.4989 on.
        assert!(du(45.4) > 1e304 && du(45.4).is_finite() && du(45.6) == f64::INFINITY);
        let single = |u: f32| {
            let mut dy = [0.0_f32; 2];
            (n.evaluate(&[0.0, u], &mut dy).unwrap(), dy[0])
        };
        // In single precision from u = 5.687 on.
        assert!(single(5.68).1 > 1e36 && single(5.68).1.is_finite());
        assert_eq!(single(5.69), (f32::NEG_INFINITY, f32::INFINITY));
    }

    #[test]
    fn tau_fast_is_a_fourth_state() {
        let mut neuron = AnyNeuron::new("fhnrs").unwrap();
        assert_eq!(neuron.dimension(), 3);
        neuron.set("tau_fast", 0.5).unwrap();
        assert_eq!((neuron.dimension(), &*neuron.info().states[3].name), (4, "v_fast"));
        neuron.set("tau_fast", 0.0).unwrap();
        assert_eq!(neuron.dimension(), 3);
    }
}
