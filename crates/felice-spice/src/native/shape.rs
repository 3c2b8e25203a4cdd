//! A circuit's equations, assembled once: what does not change from run to run or from copy to copy.

use std::collections::BTreeMap;

use super::diode::Diode;
use super::ekv::EkvBatch;
use super::graph::Law;
use super::index::{Combination, algebraic_combinations};
use super::layout::{Layout, Slot};
use super::pattern::Pattern;
use super::program::Program;
use super::stamps::{Conductance, Leaving, Scatter, Stamps};

/// The equations of one circuit.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Unknowns, equations, slots.
    pub layout: Layout,
    /// Where M and the Jacobian can be non-zero.
    pub pattern: Pattern,
    /// M as the elements give it, and with algebraic combinations in place.
    pub raw_mass: Vec<f64>,
    /// M with the rows of algebraic equations empty.
    pub mass: Vec<f64>,
    /// Rows without a derivative.
    pub algebraic: Vec<bool>,
    /// Equations replaced by combinations without a derivative.
    pub combinations: Vec<Combination>,
    /// The same for Jacobian entries.
    pub jacobian_combinations: Vec<Scatter>,
    /// Constant part of the Jacobian.
    pub linear: Vec<f64>,
    /// Its entries that conductances do not account for: (row, column, value).
    pub loose: Vec<(u32, u32, f64)>,
    /// Conductances.
    pub conductances: Vec<Conductance>,
    /// ∂f/∂(slot that sources move) of conductances: (row, slot, factor).
    pub driven: Vec<(u32, Slot, f64)>,
    /// Slots that follow unknowns.
    pub following: Vec<Slot>,
    /// f from values of sources.
    pub value: Vec<Scatter>,
    /// f from slopes of sources.
    pub slope: Vec<Scatter>,
    /// f, Jacobian from registers.
    pub registers: Vec<Scatter>,
    /// Jacobian from registers.
    pub jacobian: Vec<Scatter>,
    /// ∂f/∂t from registers and the slots that sources move: (row, slot, register, factor).
    pub moving: Vec<(u32, Slot, u32, f64)>,
    /// Currents at nodes where branch currents are computed afterwards.
    pub leaving: Vec<Leaving>,
    /// B sources: values alone, values with derivatives, and the differences that comparisons look at.
    pub program: Program,
    /// With derivatives.
    pub program_slopes: Program,
    /// Comparisons' differences.
    pub probe: Program,
    /// What jumps: how, and the register of its argument.
    pub modes: Vec<(Law, u32)>,
    /// Registers with numbers to write once.
    pub numbers: Vec<(u32, f64)>,
    /// Length of the array of registers.
    pub registers_len: usize,
    /// Slot of time; modes follow.
    pub time: Slot,
    /// First register of EKV and of diode outputs.
    pub ekv_first: usize,
    /// First register of diode outputs.
    pub diode_first: usize,
    /// Element of each EKV device (M, or the B source recognised as one).
    pub ekv_elements: Vec<u32>,
    /// Diodes: element and junction slots.
    pub diode_junctions: Vec<(u32, Slot, Slot)>,
    /// Registers of B values, with their elements, to be looked at when a result is not finite.
    pub b_values: Vec<(u32, u32)>,
    /// The same of their derivatives.
    pub b_slopes: Vec<(u32, u32)>,
    /// Times at which a comparison that depends on time alone changes.
    pub time_corners: Vec<f64>,
    /// True where a B source depends on time in a way that corners do not tell.
    pub time_dependent: bool,
    /// B sources that were recognised as transistors.
    pub recognised: usize,
}

/// Devices with parameters of their own: what a mismatched copy changes.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// Transistors.
    pub ekv: EkvBatch,
    /// Diodes.
    pub diodes: Vec<Diode>,
}
/// Stamps put on a pattern, algebraic combinations found.
pub fn placed(layout: &Layout, stamps: Stamps) -> Shape {
    let n = layout.order();
    let combinations = algebraic_combinations(&stamps.mass);
    let mut positions: Vec<(usize, usize)> = stamps.mass.keys().chain(stamps.linear.keys()).copied().collect();
    positions.extend(stamps.jacobian.iter().map(|j| (j.0 as usize, j.1 as usize)));
    // A held node's equation is replaced by one for its voltage, and gmin connects it to ground.
    for (node, row) in layout.node_row.iter().enumerate() {
        if let (Some(row), Some(column)) = (row, layout.values[layout.node_slot[node] as usize].column()) {
            positions.push((*row as usize, column as usize));
        }
    }
    let first = Pattern::new(n, positions.iter().copied());
    for c in &combinations {
        for (other, _) in &c.others {
            positions.extend(first.row(*other).map(|k| (c.row, first.column[k])));
        }
    }
    let pattern = Pattern::new(n, positions);
    // The pattern holds every position that was collected above.
    let at = |i: u32, j: u32| pattern.position(i as usize, j as usize).unwrap_or(0) as u32;
    let on_pattern = |entries: &BTreeMap<(usize, usize), f64>| {
        let mut values = vec![0.0; pattern.len()];
        entries.iter().for_each(|(&(i, j), v)| values[at(i as u32, j as u32) as usize] += v);
        values
    };
    let raw_mass = on_pattern(&stamps.mass);
    let mut mass = raw_mass.clone();
    let mut algebraic: Vec<bool> = (0..n).map(|i| pattern.row(i).all(|k| mass[k] == 0.0)).collect();
    let mut jacobian_combinations = Vec::new();
    for c in &combinations {
        algebraic[c.row] = true;
        pattern.row(c.row).for_each(|k| mass[k] = 0.0);
        for (other, factor) in &c.others {
            jacobian_combinations.extend(pattern.row(*other).map(|k| Scatter {
                to: at(c.row as u32, pattern.column[k] as u32),
                from: k as u32,
                factor: *factor,
            }));
        }
    }
    let scatter = |entries: BTreeMap<(u32, u32), f64>| {
        entries.into_iter().map(|((to, from), factor)| Scatter { to, from, factor }).collect()
    };
    let computed: Vec<bool> = {
        let mut computed = vec![false; layout.node_slot.len()];
        layout.forest.iter().for_each(|e| computed[e.child as usize] = true);
        computed
    };
    let jacobian = stamps.jacobian.iter().map(|&(i, j, from, factor)| Scatter { to: at(i, j), from, factor }).collect();
    Shape {
        layout: layout.clone(),
        linear: on_pattern(&stamps.linear),
        loose: stamps.loose.iter().map(|(&(i, j), &v)| (i as u32, j as u32, v)).collect(),
        conductances: stamps.conductances,
        driven: stamps.driven,
        following: following(layout),
        raw_mass,
        mass,
        algebraic,
        combinations,
        jacobian_combinations,
        value: scatter(stamps.value),
        slope: scatter(stamps.slope),
        registers: stamps.registers,
        jacobian,
        moving: stamps.moving,
        leaving: stamps.leaving.into_iter().filter(|l| computed[l.node as usize]).collect(),
        pattern,
        program: Program::default(),
        program_slopes: Program::default(),
        probe: Program::default(),
        modes: Vec::new(),
        numbers: Vec::new(),
        registers_len: 0,
        time: 0,
        ekv_first: 0,
        diode_first: 0,
        ekv_elements: Vec::new(),
        diode_junctions: Vec::new(),
        b_values: Vec::new(),
        b_slopes: Vec::new(),
        time_corners: Vec::new(),
        time_dependent: false,
        recognised: 0,
    }
}

fn following(layout: &Layout) -> Vec<Slot> {
    let others = layout.values.iter().enumerate().skip(layout.order());
    others.filter(|(_, v)| !v.columns.is_empty()).map(|(slot, _)| slot as Slot).collect()
}
