//! What to simulate: a netlist or a circuit, one analysis, and changes to it.

use std::sync::Arc;

use crate::analysis::Analysis;
use crate::circuit::{Circuit, Saves};
use crate::error::SpiceError;
use crate::netlist::Netlist;
use crate::parser::Changes;

/// What to simulate: a netlist (or a circuit made by a program), one analysis, and changes to it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The netlist; holds the parsed circuit too, once somebody asked for it.
    pub netlist: Arc<Netlist>,
    /// The analysis; where `None`, the netlist's first transient, else its first analysis.
    pub analysis: Option<Analysis>,
    /// `.ic` values that replace or add to the netlist's: (node name, volts).
    pub initial: Vec<(String, f64)>,
    /// `.param` values that replace the netlist's own top-level ones.
    pub parameters: Vec<(String, f64)>,
    /// Vectors to save (`v(u)`, `v(a,b)`, `i(vdd)`) instead of the netlist's choice.
    pub saves: Option<Vec<String>>,
}

impl Job {
    /// The netlist as it is.
    pub fn new(netlist: impl Into<Arc<Netlist>>) -> Self {
        Job { netlist: netlist.into(), analysis: None, initial: Vec::new(), parameters: Vec::new(), saves: None }
    }

    /// A circuit made or changed by a program (mismatched copies, random circuits).
    pub fn of_circuit(circuit: Circuit) -> Self {
        Job::new(Netlist::of_circuit(circuit))
    }

    /// With another analysis.
    pub fn with_analysis(mut self, analysis: Analysis) -> Self {
        self.analysis = Some(analysis);
        self
    }

    /// With another `.ic` value.
    pub fn with_initial(mut self, node: impl Into<String>, volts: f64) -> Self {
        self.initial.push((node.into(), volts));
        self
    }

    /// With another value of a top-level `.param`.
    pub fn with_parameter(mut self, name: impl Into<String>, value: f64) -> Self {
        self.parameters.push((name.into(), value));
        self
    }

    /// Saving these vectors.
    pub fn with_saves<S: Into<String>>(mut self, vectors: impl IntoIterator<Item = S>) -> Self {
        self.saves = Some(vectors.into_iter().map(Into::into).collect());
        self
    }

    /// The circuit with every change of this job in it; the first of its `analyses` is the one to run.
    ///
    /// # Errors
    /// What is wrong with the netlist, or [`SpiceError::Request`] where a change names what is not there.
    pub fn circuit(&self) -> Result<Arc<Circuit>, SpiceError> {
        let tran = match &self.analysis {
            Some(Analysis::Tran(t)) if !self.netlist.is_made() => Some(t.clone()),
            _ => None,
        };
        let original = if self.parameters.is_empty() && tran.is_none() {
            self.netlist.circuit()?
        } else if self.netlist.is_made() {
            return Err(SpiceError::Request {
                what: "parameters of a circuit made by a program".into(),
                expected: "a netlist with text".into(),
            });
        } else {
            let parameters = self.parameters.iter().map(|(n, v)| (n.to_ascii_lowercase(), *v)).collect();
            Arc::new(crate::parser::parse(&self.netlist, &Changes { parameters, tran })?)
        };
        let analysis = self.choose(&original)?;
        if self.initial.is_empty() && self.saves.is_none() && original.analyses.first() == Some(&analysis) {
            return Ok(original);
        }
        let mut circuit = Arc::unwrap_or_clone(original);
        self.change(&mut circuit)?;
        circuit.analyses.insert(0, analysis);
        Ok(Arc::new(circuit))
    }

    fn choose(&self, circuit: &Circuit) -> Result<Analysis, SpiceError> {
        let tran = circuit.analyses.iter().find(|a| matches!(a, Analysis::Tran(_)));
        let analysis = self.analysis.as_ref().or(tran).or(circuit.analyses.first()).cloned();
        let Some(analysis) = analysis else {
            return Err(SpiceError::Request {
                what: format!("{} asks for no analysis", circuit.files.first().map_or("the circuit", |f| f)),
                expected: "a line `.tran STEP STOP`, `.dc SOURCE START STOP STEP` or `.op`".into(),
            });
        };
        check_analysis(&analysis, circuit)?;
        Ok(analysis)
    }

    fn change(&self, circuit: &mut Circuit) -> Result<(), SpiceError> {
        for (name, volts) in &self.initial {
            let node = circuit.nodes.find(&name.to_ascii_lowercase()).filter(|n| !n.is_ground());
            let node = node.ok_or_else(|| SpiceError::Request {
                what: format!("an initial voltage of `{name}`"),
                expected: "the name of a node of this circuit".into(),
            })?;
            if !volts.is_finite() {
                return Err(SpiceError::Request {
                    what: format!("an initial voltage of {volts} V at `{name}`"),
                    expected: "a finite value".into(),
                });
            }
            circuit.initial.retain(|(n, _)| *n != node);
            circuit.initial.push((node, *volts));
        }
        if let Some(c) = circuit.contradiction(&circuit.initial) {
            let (node, volts) = circuit.initial[c.index];
            return Err(SpiceError::Request {
                what: format!("an initial voltage of {volts} V at `{}`", circuit.nodes.name(node)),
                expected: c.expected(),
            });
        }
        if let Some(vectors) = &self.saves {
            let vectors: Vec<String> =
                vectors.iter().map(|v| v.to_ascii_lowercase().replace(char::is_whitespace, "")).collect();
            for v in &vectors {
                circuit.check_vector(v)?;
            }
            circuit.saves = Saves::Only(vectors);
        }
        Ok(())
    }
}

fn check_analysis(analysis: &Analysis, circuit: &Circuit) -> Result<(), SpiceError> {
    let wrong = |what: String, expected: &str| Err(SpiceError::Request { what, expected: expected.into() });
    match analysis {
        Analysis::Op => Ok(()),
        Analysis::Tran(t) => {
            let good = t.step > 0.0 && t.stop > 0.0 && t.start >= 0.0 && t.start < t.stop && t.stop.is_finite();
            match good && t.max_step.is_none_or(|m| m > 0.0) {
                true => Ok(()),
                false => wrong(format!("the transient {t:?}"), "positive, finite times and a start before the stop"),
            }
        }
        Analysis::Dc(sweeps) => {
            if sweeps.is_empty() || sweeps.len() > 2 {
                return wrong(format!("a sweep of {} sources", sweeps.len()), "one or two");
            }
            for s in sweeps {
                let points = (s.stop - s.start) / s.step;
                if !(s.step != 0.0 && (0.0..=1e7).contains(&points)) {
                    return wrong(
                        format!("the sweep {s:?}"),
                        "a step that leads from start to stop in at most 1e7 points",
                    );
                }
                if !s.source.starts_with(['v', 'i']) || circuit.element(&s.source).is_none() {
                    return wrong(format!("a sweep of `{}`", s.source), "the name of a V or I source of this circuit");
                }
            }
            Ok(())
        }
    }
}
