//! One copy of a circuit, ready to be evaluated: shared shape, its own device parameters, and the memory to work in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dae::Dae;
use super::diode::DIODE_OUTPUTS;
use super::ekv::EKV_OUTPUTS;
use super::graph::Law;
use super::pattern::Pattern;
use super::shape::{Devices, Shape};
use super::waveform::Piece;

/// A circuit's equations at work.
#[derive(Clone)]
pub struct System {
    /// What is the same for all copies.
    pub shape: Arc<Shape>,
    /// What is this copy's own.
    pub devices: Devices,
    /// Factor on every independent source (source stepping).
    pub source_factor: f64,
    /// The time from which the equations count: what happens within a nanosecond is lost in the digits of a later time.
    pub origin: f64,
    pieces: Vec<Piece>,
    /// Value, slope, curvature of every independent source.
    sources: Vec<[f64; 3]>,
    /// True where some source moves in this stretch of time.
    moving: bool,
    /// What sources contribute to f while none moves.
    base: Vec<f64>,
    /// f while it is summed up, and one place more for currents into equations that are none.
    sum: Vec<f64>,
    /// Slots (unknowns, ground, known, following, time, modes), then numbers and results.
    registers: Vec<f64>,
    /// Time derivative of the slots that sources move, in the same places.
    rates: Vec<f64>,
    /// Algebraic equations stand as the elements give them, not combined.
    pub raw: bool,
    /// Comparisons keep the values they have in the registers.
    pub frozen: bool,
    /// When a run must end.
    pub deadline: Instant,
    /// Evaluations of the equations, and of the Jacobian.
    pub evaluations: u64,
    /// Evaluations of the Jacobian.
    pub jacobians: u64,
}

impl System {
    /// A copy with the given devices; sources are at 0 until [`System::set_pieces`].
    pub fn new(shape: Arc<Shape>, devices: Devices) -> Self {
        let mut registers = vec![0.0; shape.registers_len];
        shape.numbers.iter().for_each(|&(r, v)| registers[r as usize] = v);
        let mut rates = vec![0.0; shape.time as usize + 1];
        rates[shape.time as usize] = 1.0;
        let count = shape.layout.sources.len();
        System {
            devices,
            source_factor: 1.0,
            origin: 0.0,
            pieces: vec![Piece::Constant(0.0); count],
            sources: vec![[0.0; 3]; count],
            moving: false,
            base: vec![0.0; shape.layout.order()],
            sum: vec![0.0; shape.layout.order() + 1],
            registers,
            rates,
            raw: false,
            frozen: false,
            deadline: Instant::now() + Duration::from_secs(3600),
            evaluations: 0,
            jacobians: 0,
            shape,
        }
    }

    /// Number of unknowns.
    pub fn order(&self) -> usize {
        self.shape.layout.order()
    }

    /// Name of an unknown.
    pub fn unknown_name(&self, column: usize) -> String {
        self.shape.layout.unknowns.get(column).map_or_else(|| "?".into(), |u| u.0.clone())
    }

    /// Gives every source its formula for the stretch of time that begins at `origin`, from where time counts henceforth, and
    /// evaluates it there.
    pub fn set_pieces(&mut self, pieces: Vec<Piece>, origin: f64) {
        self.moving = pieces.iter().any(|p| !p.is_constant());
        self.pieces = pieces.into_iter().map(|p| p.from(origin)).collect();
        self.origin = origin;
        self.update_sources(0.0);
    }

    /// The formulas in force.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Values of the sources when they were last evaluated.
    pub fn source_values(&self) -> impl Iterator<Item = f64> {
        self.sources.iter().map(|s| s[0])
    }

    /// Evaluates the sources, and what follows from them alone.
    pub fn update_sources(&mut self, t: f64) {
        for (s, p) in self.sources.iter_mut().zip(&self.pieces) {
            *s = p.at(t).map(|v| v * self.source_factor);
        }
        let shape = &self.shape;
        self.base.fill(0.0);
        for s in &shape.value {
            self.base[s.to as usize] += s.factor * self.sources[s.from as usize][0];
        }
        if self.moving {
            for s in &shape.slope {
                self.base[s.to as usize] += s.factor * self.sources[s.from as usize][1];
            }
        }
        let n = shape.layout.order();
        for (i, value) in shape.layout.values.iter().enumerate().skip(n) {
            let sum = |k: usize| value.sources.iter().map(|(s, sign)| sign * self.sources[*s as usize][k]).sum::<f64>();
            // A following slot also needs its unknown; `load` adds it.
            self.registers[i] = sum(0);
            self.rates[i] = sum(1);
        }
    }

    /// Puts y, what follows it, and t into the registers.
    fn load(&mut self, t: f64, y: &[f64]) {
        if self.moving {
            self.update_sources(t);
        }
        let n = self.order();
        self.registers[..n].copy_from_slice(y);
        for &slot in &self.shape.following {
            let value = &self.shape.layout.values[slot as usize];
            let own: f64 = value.columns.iter().map(|(c, sign)| sign * y[*c as usize]).sum();
            let moved: f64 = value.sources.iter().map(|(s, sign)| sign * self.sources[*s as usize][0]).sum();
            self.registers[slot as usize] = own + moved;
        }
        self.registers[self.shape.time as usize] = self.origin + t;
        if !self.frozen {
            self.look_at_modes();
        }
    }

    /// Sets every comparison to what holds now. Comparisons may depend on each other: a few rounds settle them.
    fn look_at_modes(&mut self) {
        let first = self.shape.time as usize + 1;
        for _ in 0..self.shape.modes.len() {
            self.shape.probe.run(&mut self.registers);
            let mut changed = false;
            for (i, &(law, register)) in self.shape.modes.iter().enumerate() {
                let holds = law.value(self.registers[register as usize]);
                changed |= std::mem::replace(&mut self.registers[first + i], holds) != holds;
            }
            if !changed {
                break;
            }
        }
    }

    /// True where a comparison no longer holds as frozen at (t, y).
    pub fn modes_changed(&mut self, t: f64, y: &[f64]) -> bool {
        if self.shape.modes.is_empty() {
            return false;
        }
        let frozen = std::mem::replace(&mut self.frozen, true);
        self.load(t, y);
        self.frozen = frozen;
        self.shape.probe.run(&mut self.registers);
        let first = self.shape.time as usize + 1;
        let holds = |&(law, register): &(Law, u32)| law.value(self.registers[register as usize]);
        self.shape.modes.iter().enumerate().any(|(i, m)| self.registers[first + i] != holds(m))
    }

    /// Sets the comparisons to what holds at (t, y); true where one changed.
    pub fn renew_modes(&mut self, t: f64, y: &[f64]) -> bool {
        let modes = self.shape.time as usize + 1..self.shape.time as usize + 1 + self.shape.modes.len();
        let before = self.registers[modes.clone()].to_vec();
        let frozen = std::mem::replace(&mut self.frozen, false);
        self.load(t, y);
        self.frozen = frozen;
        self.registers[modes] != before[..]
    }

    fn evaluate(&mut self, slopes: bool) {
        let shape = &self.shape;
        if !self.devices.ekv.devices.is_empty() {
            if slopes {
                self.devices.ekv.currents_and_slopes(&mut self.registers, shape.ekv_first);
            } else {
                self.devices.ekv.currents(&mut self.registers, shape.ekv_first);
            }
        }
        for (k, (d, &(_, p, n))) in self.devices.diodes.iter().zip(&shape.diode_junctions).enumerate() {
            let out = d.evaluate(self.registers[p as usize] - self.registers[n as usize]);
            let at = shape.diode_first + (DIODE_OUTPUTS + 2) * k;
            self.registers[at..at + DIODE_OUTPUTS].copy_from_slice(&out);
            self.registers[at + 4] = -out[1];
            self.registers[at + 5] = -out[3];
        }
        let program = if slopes { &shape.program_slopes } else { &shape.program };
        program.run(&mut self.registers);
    }

    fn residual(&mut self, y: &[f64], f: &mut [f64]) {
        let shape = &self.shape;
        let n = f.len();
        let sum = &mut self.sum;
        sum[..n].copy_from_slice(&self.base);
        for c in &shape.conductances {
            let current = c.siemens * (self.registers[c.a as usize] - self.registers[c.b as usize]);
            sum[c.from as usize] -= current;
            sum[c.to as usize] += current;
        }
        f.copy_from_slice(&sum[..n]);
        for e in &shape.loose {
            f[e.0 as usize] += e.2 * y[e.1 as usize];
        }
        for s in &shape.registers {
            f[s.to as usize] += s.factor * self.registers[s.from as usize];
        }
        if !self.raw {
            combine(shape, f);
        }
        self.evaluations += 1;
    }

    /// Currents and voltages after an evaluation: the registers, slots first.
    pub fn registers(&self) -> &[f64] {
        &self.registers
    }

    /// Evaluates everything at (t, y) without derivatives, so that [`System::registers`] can be read.
    pub fn observe(&mut self, t: f64, y: &[f64]) {
        self.load(t, y);
        self.evaluate(false);
    }

    /// Time derivative of a slot, for y' = `slope`, after an evaluation.
    pub fn rate(&self, slot: u32, slope: &[f64]) -> f64 {
        let value = &self.shape.layout.values[slot as usize];
        let own: f64 = value.columns.iter().map(|(c, sign)| sign * slope[*c as usize]).sum();
        let moved: f64 = value.sources.iter().map(|(s, sign)| sign * self.sources[*s as usize][1]).sum();
        own + moved
    }

    /// Value of an independent source after an evaluation.
    pub fn source_value(&self, source: u32) -> f64 {
        self.sources[source as usize][0]
    }

    /// Element of a B source whose value was not finite at the last evaluation.
    pub fn value_not_finite(&self) -> Option<u32> {
        self.source_not_finite(&self.shape.b_values)
    }

    fn source_not_finite(&self, registers: &[(u32, u32)]) -> Option<u32> {
        registers.iter().find(|(register, _)| !self.registers[*register as usize].is_finite()).map(|b| b.1)
    }

    /// Element whose value, else whose slope, is not finite at the voltages and currents of the last evaluation.
    pub fn not_finite(&mut self) -> Option<u32> {
        self.evaluate(true);
        let (shape, registers) = (&self.shape, &self.registers);
        let of_devices = |first: usize, outputs: usize, elements: &mut dyn Iterator<Item = u32>| {
            let bad = |k: usize| registers[first + outputs * k..][..outputs].iter().any(|x| !x.is_finite());
            elements.enumerate().find(|(k, _)| bad(*k)).map(|e| e.1)
        };
        self.value_not_finite()
            .or_else(|| of_devices(shape.ekv_first, EKV_OUTPUTS, &mut shape.ekv_elements.iter().copied()))
            .or_else(|| {
                of_devices(shape.diode_first, DIODE_OUTPUTS + 2, &mut shape.diode_junctions.iter().map(|d| d.0))
            })
            .or_else(|| self.source_not_finite(&shape.b_slopes))
    }
}

/// Puts the combinations without a derivative into their rows.
fn combine(shape: &Shape, f: &mut [f64]) {
    for c in &shape.combinations {
        f[c.row] += c.others.iter().map(|&(other, factor)| factor * f[other]).sum::<f64>();
    }
}

impl Dae for System {
    fn pattern(&self) -> &Pattern {
        &self.shape.pattern
    }

    fn mass(&self) -> &[f64] {
        if self.raw { &self.shape.raw_mass } else { &self.shape.mass }
    }

    fn driven(&self) -> bool {
        self.moving || self.shape.time_dependent
    }

    fn rhs(&mut self, t: f64, y: &[f64], f: &mut [f64]) {
        self.load(t, y);
        self.evaluate(false);
        self.residual(y, f);
    }

    fn linearize(&mut self, t: f64, y: &[f64], f: &mut [f64], jacobian: &mut [f64], f_t: &mut [f64]) {
        self.load(t, y);
        self.evaluate(true);
        self.residual(y, f);
        self.jacobians += 1;
        let shape = &self.shape;
        jacobian.copy_from_slice(&shape.linear);
        for s in &shape.jacobian {
            jacobian[s.to as usize] += s.factor * self.registers[s.from as usize];
        }
        f_t.fill(0.0);
        if self.driven() {
            for s in &shape.value {
                f_t[s.to as usize] += s.factor * self.sources[s.from as usize][1];
            }
            for s in &shape.slope {
                f_t[s.to as usize] += s.factor * self.sources[s.from as usize][2];
            }
            for &(row, slot, factor) in &shape.driven {
                f_t[row as usize] += factor * self.rates[slot as usize];
            }
            for &(row, slot, register, factor) in &shape.moving {
                f_t[row as usize] += factor * self.registers[register as usize] * self.rates[slot as usize];
            }
        }
        if !self.raw {
            for s in &shape.jacobian_combinations {
                jacobian[s.to as usize] += s.factor * jacobian[s.from as usize];
            }
            combine(shape, f_t);
        }
    }
}
