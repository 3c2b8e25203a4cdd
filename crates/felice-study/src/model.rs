//! Studies of a neuron model: the `[model]` table and the quantities that can vary.

use felice_base::Located;
use felice_neurons::ensemble;
use felice_neurons::{AnyNeuron, Method, NeuronError, Run, Sampling, Stimulus, Trigger};
use felice_subthreshold::card::{CIRCUIT_KEYS, CONDITION_KEYS, FET_KEYS, GEOMETRY_KEYS, Q_OVER_K};
use felice_subthreshold::{Card, DeviceError, Form, Mismatched, Quantity as CardQuantity, derive};

use crate::axes::Silicon;
use crate::circuit::corner;
use crate::error::StudyError;
use crate::quantity::{Holds, Quantity, StimulusField, Target};
use crate::study::Precision;
use crate::text::{Table, Value, listed};

/// What `[model]` says.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// The model with the parameters that do not vary.
    pub neuron: AnyNeuron,
    /// The card that parameters are derived from.
    pub card: Option<Card>,
    /// Parameters given in the study; they win over derived ones.
    pub parameters: Vec<(String, f64)>,
    /// Initial values given in the study.
    pub initial: Vec<(String, f64)>,
    /// How trajectories are integrated.
    pub run: Run,
    /// How an ensemble is stepped; none where each trajectory is run by itself.
    pub ensemble: Option<ensemble::Method>,
}

const KEYS: [&str; 11] =
    ["name", "option", "card", "parameters", "initial", "t_end", "rtol", "atol", "rails", "stimuli", "method"];
/// What `[ensemble]` has beside.
const STEPS: &str = "steps";

/// Reads a file that the study names at a place, by its name beside the study.
pub type Input<'i> = &'i mut dyn FnMut(Value<'_>, &str) -> Result<String, StudyError>;

impl ModelSpec {
    /// Reads `[model]`, or `[ensemble]`: the same run in the lanes of vectors.
    pub fn read(value: Value<'_>, precision: Precision, in_lanes: bool, input: Input<'_>) -> Result<Self, StudyError> {
        let table = value.table()?;
        let known: Vec<&str> = KEYS.into_iter().chain(in_lanes.then_some(STEPS)).collect();
        table.only(&known)?;
        let name = table.need("name", "the model's name")?;
        let mut neuron = AnyNeuron::new(&name.string()?)
            .map_err(|_| name.error(format!("a model: {}", listed(felice_neurons::MODELS))))?;
        if let Some(option) = table.get("option") {
            neuron.choose(&option.string()?).map_err(|e| option.error(e.to_string()))?;
        }
        let mut spec = ModelSpec {
            card: table.get("card").map(|v| card(v, input)).transpose()?,
            parameters: Vec::new(),
            initial: Vec::new(),
            run: run(table, precision, in_lanes)?,
            ensemble: None,
            neuron,
        };
        if in_lanes {
            spec.ensemble = Some(lanes(table, &spec.run)?);
        }
        if let Some(value) = table.get("parameters") {
            for (key, value) in value.table()?.entries() {
                let x = value.number()?;
                spec.neuron.set(key.name(), x).map_err(|e| match e {
                    NeuronError::Parameter { range, .. } => value.error(range.to_string()),
                    e => key.error(e.to_string()),
                })?;
                spec.parameters.push((key.name().to_owned(), x));
            }
        }
        if let Some(card) = &spec.card {
            spec.neuron = spec.derived(card).map_err(|why| table.get("card").map_or(value, |v| v).error(why))?;
        }
        if let Some(value) = table.get("initial") {
            for (key, value) in value.table()?.entries() {
                let states = spec.states();
                if !states.iter().any(|s| s == key.name()) {
                    return Err(key.error(format!("a state of the model: {}", listed(&states))).into());
                }
                spec.initial.push((key.name().to_owned(), value.number()?));
            }
        }
        spec.probe().map_err(|e| table.error(e.to_string()))?;
        Ok(spec)
    }

    /// Names of the states.
    pub fn states(&self) -> Vec<String> {
        self.neuron.info().states.iter().map(|s| s.name.to_string()).collect()
    }

    /// What a study of this model can vary.
    ///
    /// # Errors
    /// What there is, in words.
    pub fn quantity(&self, key: &str) -> Result<Quantity, String> {
        let info = self.neuron.info();
        if let Some(p) = info.parameters.iter().find(|p| p.name == key) {
            let long_name = format!("{} {}", p.symbol, p.meaning);
            return Ok(Quantity::new(
                key,
                unit(&p.unit),
                long_name,
                Holds::Neuron(p.range),
                Target::Parameter(key.into()),
            ));
        }
        if let Some(state) = key.strip_prefix("initial.")
            && let Some(s) = info.states.iter().find(|s| s.name == state)
        {
            let long_name = format!("initial value of {state}, {}", s.meaning);
            return Ok(Quantity::new(key, unit(&s.unit), long_name, Holds::FINITE, Target::Initial(state.into())));
        }
        if let Some(rest) = key.strip_prefix("stimulus.") {
            return self.stimulus(key, rest);
        }
        if let Some(card) = &self.card {
            if key == "temperature" {
                let holds = Holds::POSITIVE;
                return Ok(Quantity::new(key, "K", "temperature of the circuit", holds, Target::Temperature));
            }
            if let Some(quantity) = corner(key, !card.devices.is_empty()) {
                return Ok(quantity);
            }
            if let Some((table, name)) = key.strip_prefix("card.").and_then(|rest| rest.rsplit_once('.')) {
                return card_quantity(card, key, table, name);
            }
        }
        let parameters: Vec<&str> = info.parameters.iter().map(|p| &*p.name).collect();
        let with_card = if self.card.is_some() { ", `temperature`, `card.TABLE.KEY`" } else { "" };
        Err(format!("a parameter ({}), `initial.STATE`, `stimulus.INDEX.amplitude`{with_card}", parameters.join(", ")))
    }

    /// What its card's devices can do.
    pub fn silicon(&self) -> Silicon {
        let Some(card) = self.card.as_ref().filter(|c| !c.devices.is_empty()) else { return Silicon::default() };
        let span = felice_subthreshold::corners::Span::of(card);
        Silicon { copies: self.mismatched(None, 0, 0).is_ok(), corner: Some((span.dvt0, span.dis)) }
    }

    fn stimulus(&self, key: &str, rest: &str) -> Result<Quantity, String> {
        let n = self.run.stimuli.len();
        let expected = || match n {
            0 => "a stimulus: `stimuli` is empty".to_owned(),
            _ => format!("stimulus.INDEX.FIELD with INDEX below {n} and FIELD amplitude, from or to as it has"),
        };
        let (index, word) = rest.split_once('.').ok_or_else(expected)?;
        let index: usize = index.parse().map_err(|_| expected())?;
        let field = match word {
            "amplitude" | "weight" => StimulusField::Amplitude,
            "from" | "at" => StimulusField::From,
            "to" => StimulusField::To,
            _ => return Err(expected()),
        };
        let stimulus = self.run.stimuli.get(index).ok_or_else(expected)?;
        set_stimulus(&mut stimulus.clone(), field, 0.0).ok_or_else(expected)?;
        let (unit, holds) = match field {
            StimulusField::Amplitude => ("1", Holds::FINITE),
            _ => ("1", Holds::NOT_NEGATIVE),
        };
        Ok(Quantity::new(key, unit, format!("{word} of stimulus {index}"), holds, Target::Stimulus(index, field)))
    }

    /// The neuron with parameters derived from a card, the study's own on top.
    pub fn derived(&self, card: &Card) -> Result<AnyNeuron, String> {
        let derived = derive(card, &self.neuron.info().name).map_err(|e: DeviceError| e.to_string())?;
        self.with(derived.parameters.iter().map(|p| (p.name.as_str(), p.value)))
    }

    /// The neuron that mismatched copy `n` of a card's circuit makes (the study's card where none is given).
    pub fn mismatched(&self, card: Option<&Card>, seed: u64, n: u64) -> Result<AnyNeuron, String> {
        let name = self.neuron.info().name.to_string();
        let card = card.or(self.card.as_ref()).ok_or("mismatched copies are of a card's circuit")?;
        let form =
            if matches!(name.as_str(), "boomerang" | "fhnrs" | "wererabbit") { Form::Closed } else { Form::Solved };
        let copies = Mismatched::new(card, &name, form).map_err(|e| e.to_string())?;
        let all = copies.copy(seed, n);
        self.with(all.iter().map(|(name, x)| (name.as_str(), *x)).filter(|(name, _)| self.neuron.get(name).is_ok()))
    }

    fn with<'p>(&self, parameters: impl Iterator<Item = (&'p str, f64)>) -> Result<AnyNeuron, String> {
        let mut neuron = self.neuron.clone();
        for (name, value) in parameters {
            neuron.set(name, value).map_err(|e| e.to_string())?;
        }
        for (name, value) in &self.parameters {
            neuron.set(name, *value).map_err(|e| e.to_string())?;
        }
        Ok(neuron)
    }

    /// A run so short that it only says whether it could be one.
    fn probe(&self) -> Result<(), NeuronError> {
        let mut run = Run { t_end: self.run.t_end * 1e-9, sampling: Sampling::Uniform(2), ..self.run.clone() };
        run.initial = self.start(&self.neuron, &self.initial)?;
        match self.neuron.simulate(&run) {
            Ok(_) | Err(NeuronError::Interrupted(_)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// The initial state: the model's own, with these values in it; none where none is given.
    pub fn start(&self, neuron: &AnyNeuron, given: &[(String, f64)]) -> Result<Option<Vec<f64>>, NeuronError> {
        if given.is_empty() {
            return Ok(None);
        }
        let states = &neuron.info().states;
        let all = states.iter().all(|s| given.iter().any(|(name, _)| *name == s.name));
        let mut start = if all { vec![0.0; states.len()] } else { neuron.initial_state()? };
        for (name, value) in given {
            if let Some(i) = states.iter().position(|s| s.name == *name) {
                start[i] = *value;
            }
        }
        Ok(Some(start))
    }
}

/// Units of the model's time are pure numbers in a file.
fn unit(symbol: &str) -> &str {
    if symbol == "τ" { "1" } else { symbol }
}

fn card(value: Value<'_>, input: Input<'_>) -> Result<Card, StudyError> {
    let name = value.string()?;
    let text = input(value, &name)?;
    Card::from_toml(&text, &name).map_err(|e| match e {
        DeviceError::Card(located) => StudyError::Study(located),
        e => value.error(e.to_string()).into(),
    })
}

pub fn card_quantity(card: &Card, key: &str, table: &str, name: &str) -> Result<Quantity, String> {
    let known = match table {
        "conditions" => CONDITION_KEYS.iter(),
        "circuit" => CIRCUIT_KEYS.iter(),
        _ if table.starts_with("devices.") => GEOMETRY_KEYS.iter(),
        _ => FET_KEYS.iter(),
    };
    let found = known.chain(FET_KEYS).find(|k| k.name == name);
    let mut there = card.clone();
    match (found, entry(&mut there, table, name)) {
        (Some(k), Some(_)) => {
            let target = Target::Card(table.to_owned(), name.to_owned());
            Ok(Quantity::new(key, k.unit, format!("{} ({table})", k.meaning), Holds::Card(k.range), target))
        }
        _ => Err(format!("a quantity that the card has: `{name}` is not in [{table}]")),
    }
}

/// The place of a card's quantity.
pub fn entry<'c>(card: &'c mut Card, table: &str, name: &str) -> Option<&'c mut CardQuantity> {
    match table {
        "conditions" => card.conditions.get_mut(name),
        "circuit" => card.circuit.get_mut(name),
        _ => match table.strip_prefix("devices.") {
            Some(device) => card.devices.get_mut(device)?.quantities.get_mut(name),
            None => card.fets.get_mut(table.strip_prefix("fets.").unwrap_or(table))?.quantities.get_mut(name),
        },
    }
}

/// Moves a card to another temperature (K); its quantities keep holding where they held.
pub fn set_temperature(card: &mut Card, kelvin: f64) {
    if let Some(nominal) = card.temperature()
        && !card.conditions.contains_key("Tnom")
    {
        card.conditions.insert("Tnom".into(), CardQuantity::new(nominal, "K", "the card's temperature"));
    }
    card.conditions.remove("Ut");
    card.conditions.insert("T".into(), CardQuantity::new(kelvin, "K", "the study"));
    debug_assert!((card.thermal_voltage().unwrap_or(0.0) * Q_OVER_K / kelvin - 1.0).abs() < 1e-12);
}

/// Sets a number of a stimulus; none where it has no such number.
pub fn set_stimulus(stimulus: &mut Stimulus, field: StimulusField, x: f64) -> Option<()> {
    use StimulusField::{Amplitude, From, To};
    let place = match (stimulus, field) {
        (Stimulus::Step { amplitude, .. }, Amplitude)
        | (Stimulus::Pulse { amplitude, .. }, Amplitude)
        | (Stimulus::Ramp { amplitude, .. }, Amplitude)
        | (Stimulus::SpikeTrain { weight: amplitude, .. }, Amplitude) => amplitude,
        (Stimulus::Step { at: from, .. }, From)
        | (Stimulus::Pulse { from, .. }, From)
        | (Stimulus::Ramp { from, .. }, From) => from,
        (Stimulus::Pulse { to, .. }, To) | (Stimulus::Ramp { to, .. }, To) => to,
        _ => return None,
    };
    *place = x;
    Some(())
}

/// How an ensemble is stepped.
fn lanes(table: Table<'_>, run: &Run) -> Result<ensemble::Method, Located> {
    let words = [("adaptive", 0), ("tsit5", 1), ("rk4", 2)];
    let kind = table.or("method", 0, |v| v.word(&words))?;
    match (kind, table.get(STEPS)) {
        (0, Some(steps)) => Err(steps.error("no `steps` unless method = \"tsit5\" or \"rk4\"")),
        (0, None) => Ok(ensemble::Method::Adaptive { rtol: run.rtol, atol: run.atol }),
        (_, None) => Err(table.error("`steps`, the number of equal steps to the end")),
        (1, Some(steps)) => Ok(ensemble::Method::Tsit5 { steps: steps.count(1)? }),
        (_, Some(steps)) => Ok(ensemble::Method::Rk4 { steps: steps.count(1)? }),
    }
}

fn run(table: Table<'_>, precision: Precision, in_lanes: bool) -> Result<Run, Located> {
    let positive = |name: &str, default: f64| {
        table.or(name, default, |v| {
            let x = v.number()?;
            if x > 0.0 { Ok(x) } else { Err(v.error("a number above 0")) }
        })
    };
    table.need("t_end", "where trajectories end, in the model's unit of time")?;
    let mut run = Run::to(positive("t_end", 0.0)?);
    let single = precision == Precision::F32;
    run.rtol = positive("rtol", if single { 1e-6 } else { 1e-9 })?;
    run.atol = positive("atol", run.rtol)?;
    run.precision = if single { felice_neurons::Precision::F32 } else { felice_neurons::Precision::F64 };
    if !in_lanes {
        let words = [("dop853", Method::Dop853), ("dopri5", Method::Dopri5)];
        run.method = table.or("method", Method::Dop853, |v| v.word(&words))?;
    }
    if let Some(value) = table.get("rails") {
        let pair = |v: &Value<'_>| match v.numbers()?[..] {
            [lo, hi] if lo < hi => Ok([lo, hi]),
            _ => Err(v.error("[low, high] with low < high, or one such pair a state")),
        };
        let pairs: Option<Vec<[f64; 2]>> = value.list()?.iter().map(|v| pair(v).ok()).collect();
        run.rails = match pairs {
            Some(pairs) => pairs,
            None => vec![pair(&value)?],
        };
    }
    for value in table.or("stimuli", Vec::new(), |v| v.list())? {
        run.stimuli.push(stimulus(value)?);
    }
    run.events = vec![Trigger::SpikeCondition.into()];
    Ok(run)
}

fn stimulus(value: Value<'_>) -> Result<Stimulus, Located> {
    let table = value.table()?;
    let kind = table.need("kind", "step, pulse, ramp or spikes")?;
    let number = |name: &str| table.need(name, "a number")?.number();
    let state = table.need("state", "the state whose equation it enters")?.string()?;
    let stimulus = match kind.string()?.as_str() {
        "step" => Stimulus::Step { state, at: number("at")?, amplitude: number("amplitude")? },
        "pulse" => Stimulus::Pulse { state, from: number("from")?, to: number("to")?, amplitude: number("amplitude")? },
        "ramp" => Stimulus::Ramp { state, from: number("from")?, to: number("to")?, amplitude: number("amplitude")? },
        "spikes" => Stimulus::SpikeTrain {
            state,
            times: table.need("times", "when, rising")?.numbers()?,
            weight: number("weight")?,
        },
        _ => return Err(kind.error("one of `step`, `pulse`, `ramp`, `spikes`")),
    };
    let fields: &[&str] = match &stimulus {
        Stimulus::Step { .. } => &["kind", "state", "at", "amplitude"],
        Stimulus::Pulse { .. } | Stimulus::Ramp { .. } => &["kind", "state", "from", "to", "amplitude"],
        Stimulus::SpikeTrain { .. } => &["kind", "state", "times", "weight"],
    };
    table.only(fields)?;
    Ok(stimulus)
}
