//! How a result lies in a file.

use felice_base::{Sampled, Signal, Unit};

use super::FORMAT;
use crate::analysis::Analysis;
use crate::engine::EngineName;
use crate::simulation::{Measured, Simulation, Work};

pub(super) fn put_simulation(out: &mut Vec<u8>, s: &Simulation) {
    put_text(out, FORMAT);
    put_text(out, &s.engine.to_string());
    put_text(out, &s.version);
    put_text(out, &s.log);
    put_count(out, s.options.len());
    s.options.iter().for_each(|(name, value)| {
        put_text(out, name);
        put_text(out, value);
    });
    put_count(out, s.measures.len());
    s.measures.iter().for_each(|m| {
        put_text(out, &m.name);
        put_numbers(out, m.value.as_slice());
        put_text(out, m.unit.symbol());
    });
    let Work { steps, rejected, evaluations, jacobians, factorizations, iterations } = s.work;
    for count in [steps, rejected, evaluations, jacobians, factorizations, iterations] {
        out.extend(count.to_le_bytes());
    }
    put_count(out, s.vectors.signals().len());
    for signal in std::iter::once(s.vectors.axis()).chain(s.vectors.signals()) {
        put_text(out, &signal.name);
        put_text(out, signal.unit.symbol());
        put_text(out, &signal.long_name);
        put_numbers(out, &signal.values);
    }
}

fn put_count(out: &mut Vec<u8>, n: usize) {
    out.extend((n as u64).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[f64]) {
    put_count(out, numbers.len());
    numbers.iter().for_each(|x| out.extend(x.to_le_bytes()));
}

pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
}

impl Reader<'_> {
    pub fn simulation(mut self, analysis: &Analysis) -> Option<Simulation> {
        if self.text()? != FORMAT {
            return None;
        }
        let engine = match self.text()?.as_str() {
            "native" => EngineName::Native,
            "ngspice" => EngineName::Ngspice,
            "spice21" => EngineName::Spice21,
            _ => return None,
        };
        let (version, log) = (self.text()?, self.text()?);
        let options = (0..self.count()?).map(|_| Some((self.text()?, self.text()?))).collect::<Option<_>>()?;
        let measures = (0..self.count()?)
            .map(|_| {
                let (name, value) = (self.text()?, self.numbers()?.first().copied());
                Some(Measured { name, value, unit: Unit::new(self.text()?) })
            })
            .collect::<Option<_>>()?;
        let mut number = || self.count().map(|n| n as u64);
        let work = Work {
            steps: number()?,
            rejected: number()?,
            evaluations: number()?,
            jacobians: number()?,
            factorizations: number()?,
            iterations: number()?,
        };
        let signals = self.count()?;
        let axis = self.signal()?;
        let signals = (0..signals).map(|_| self.signal()).collect::<Option<_>>()?;
        let vectors = Sampled::new(axis, signals).ok()?;
        let analysis = analysis.clone();
        let reason = String::new();
        Some(Simulation { analysis, vectors, engine, version, reason, options, measures, log, work, cached: true })
    }

    fn signal(&mut self) -> Option<Signal> {
        let (name, unit, long_name) = (self.text()?, self.text()?, self.text()?);
        let unit = [Unit::VOLT, Unit::AMPERE, Unit::SECOND, Unit::ONE].into_iter().find(|u| u.symbol() == unit)?;
        Some(Signal::new(name, unit, long_name, self.numbers()?))
    }

    fn take(&mut self, n: usize) -> Option<&[u8]> {
        let (head, rest) = self.bytes.split_at_checked(n)?;
        self.bytes = rest;
        Some(head)
    }

    fn count(&mut self) -> Option<usize> {
        let mut eight = [0u8; 8];
        eight.copy_from_slice(self.take(8)?);
        usize::try_from(u64::from_le_bytes(eight)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let n = self.count()?;
        String::from_utf8(self.take(n)?.to_vec()).ok()
    }

    fn numbers(&mut self) -> Option<Vec<f64>> {
        let n = self.count()?;
        let bytes = self.take(n.checked_mul(8)?)?;
        let eight = |c: &[u8]| c.try_into().ok().map(f64::from_le_bytes);
        bytes.chunks_exact(8).map(eight).collect()
    }
}
