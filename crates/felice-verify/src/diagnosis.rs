//! Why a circuit may not do what its equations say: findings in words, and the one parameter that would explain most.

use felice_neurons::AnyNeuron;

use crate::case::Case;
use crate::compare::{self, Channel, Comparison, Waves};
use crate::grid;
use crate::metric::{MetricName, Status};
use crate::numbers::percent;
use crate::oscillation::Motion;
use crate::parameters::Prepared;
use crate::trajectory::{self, Effort, Start};
use crate::verdict::Verdict;

/// What a designer should look at.
pub(crate) fn diagnose(verdict: &Verdict, prepared: &Prepared, start: &Start) -> Vec<String> {
    let mut findings: Vec<String> =
        [motions(&verdict.comparison), rests(verdict), follower(verdict), saturation(verdict, prepared, start)]
            .into_iter()
            .chain([floor(verdict, prepared), diagonal(verdict, prepared)])
            .flatten()
            .collect();
    if verdict.status == Status::Failed {
        findings.extend(explanation(verdict, prepared, start));
    }
    findings
}

fn motions(c: &Comparison) -> Option<String> {
    let (m, c) = (c.model.motion, c.circuit.motion);
    match (m, c) {
        _ if m == c => None,
        (Motion::RingDown | Motion::Still, Motion::Growing | Motion::LimitCycle) => Some(format!(
            "the model's motion is a {}, the circuit's a {}: something in the circuit delays the feedback, as the \
             parasitics of its internal nodes do; raise C, or make the devices at internal nodes smaller",
            m.word(),
            c.word()
        )),
        (_, Motion::Still) => Some(format!(
            "the model's motion is a {}, the circuit does not oscillate: look for a device out of saturation or a \
             comparator too weak (sigma, rho)",
            m.word()
        )),
        _ => Some(format!("the model's motion is a {}, the circuit's a {}", m.word(), c.word())),
    }
}

/// Where each side rests, where that is worth a designer's attention.
fn rests(v: &Verdict) -> Option<String> {
    let point = |w: &Waves| -> Vec<f64> {
        w.channels.iter().map(|c| crate::oscillation::analyse(&w.tau, &c.values).rest).collect()
    };
    let (model, circuit) = v.comparison.rests_at;
    if let (Some(m), Some(c)) = (model, circuit)
        && m != c
    {
        return Some(format!(
            "the circuit rests near the model's fixed point {}, the model at {}: their start lies near the boundary \
             between the two, or the branches differ",
            place(&v.model.channels, &v.landmarks.fixed_points[c]),
            place(&v.model.channels, &v.landmarks.fixed_points[m]),
        ));
    }
    let distance = v.metric(MetricName::FixedPointDistance).filter(|m| m.missing.is_none())?;
    let range = v.model.channels.iter().map(|c| grid::range(&c.values)).fold(0.0, f64::max);
    if distance.value < 0.005 * range {
        return None;
    }
    let off: Vec<String> = point(&v.circuit)
        .iter()
        .zip(point(&v.model))
        .zip(&v.model.channels)
        .map(|((c, m), channel)| format!("{:+.2} mV in {}", 1e3 * (c - m), channel.signal).replace('-', "−"))
        .collect();
    Some(format!("the circuit rests {:.2} mV from the model's fixed point: {}", 1e3 * distance.value, off.join(", ")))
}

fn place(channels: &[Channel], point: &[f64]) -> String {
    let parts: Vec<String> =
        channels.iter().zip(point).map(|(c, x)| format!("{} = {x:.4} {}", c.signal, c.unit)).collect();
    format!("({})", parts.join(", "))
}

/// The finding of CIRCUITS.md, section 4: a plain follower as slow element saturates and stretches the period by 62 %.
fn follower(v: &Verdict) -> Option<String> {
    let ratio = v.metric(MetricName::PeriodRatio)?.value;
    (v.case.model == "fhnrs" && ratio > 1.2).then(|| {
        format!(
            "the period is {} longer than the model's: a follower OTA as slow element saturates in tanh and does that; \
             compare with the model fhnrs-saturating, or use a wider linear range",
            percent(ratio - 1.0)
        )
    })
}

/// A swing down to where transistors leave saturation, which the equations leave out.
fn floor(v: &Verdict, prepared: &Prepared) -> Option<String> {
    let floor = prepared.derived("floor")?;
    let lowest = |c: &Channel| c.values.iter().copied().fold(f64::INFINITY, f64::min);
    let (low, channel) = v.circuit.channels.iter().map(|c| (lowest(c), c)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    (low < floor).then(|| {
        format!(
            "{} swings down to {:.0} mV: below 4 Ut = {:.0} mV sinks, mirrors and comparators leave saturation, which the \
             equations leave out; amplitude and decay of such swings differ by percents",
            channel.signal,
            1e3 * low,
            1e3 * floor
        )
    })
}

/// A WereRabbit's swing that comes near the diagonal, where its tails follow neither input.
fn diagonal(v: &Verdict, prepared: &Prepared) -> Option<String> {
    if !v.case.model.starts_with("wererabbit") {
        return None;
    }
    let rho = prepared.derived("rho").or_else(|| prepared.derived("rho_u"))?;
    let [a, b] = [v.circuit.channels.first()?, v.circuit.channels.get(1)?];
    let nearest = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs()).fold(f64::INFINITY, f64::min);
    (nearest * rho < 0.3).then(|| {
        format!(
            "the swing comes within {:.0} mV of the diagonal u = v; within 1/rho = {:.0} mV the tails' drains follow both \
             inputs where the equations follow one: periods of such swings differ by tenths of a percent",
            1e3 * nearest,
            1e3 / rho
        )
    })
}

/// What the saturation in the model's slow and passive elements brings: the period with and without it.
fn saturation(v: &Verdict, prepared: &Prepared, start: &Start) -> Option<String> {
    if v.case.model != "fhnrs-saturating" || prepared.neuron.get("sat_slow").ok()? == 0.0 {
        return None;
    }
    let mut plain = prepared.neuron.clone();
    plain.set("sat_slow", 0.0).ok()?;
    plain.set("sat_passive", 0.0).ok()?;
    let (waves, _) = trajectory::waves(&v.case, &plain, &v.model, start, TRIED).ok()?;
    let without = crate::oscillation::analyse(&waves.tau, &waves.channels.first()?.values).period?.value;
    let (with, circuit) = (v.metric(MetricName::PeriodRatio)?.value, v.comparison.circuit.period?.value);
    Some(format!(
        "the slow element is a follower that slews: with its saturation in the equations the period is {} off, without it {}",
        percent(with - 1.0),
        percent(circuit / without - 1.0)
    ))
}

/// A parameter of the model, changed.
struct Candidate {
    /// Which model: the case's own or the one whose branches are their own.
    neuron: AnyNeuron,
    parameter: String,
    base: f64,
}

/// How far a parameter is tried in both directions, as a part of itself (of 1 where it is 0).
const REACH: f64 = 0.4;
/// A tried parameter may lead anywhere; what takes longer than this explains nothing.
const TRIED: Effort = Effort { tolerance: 1e-7, max_steps: 20_000 };
/// An explanation must take away at least this part of the difference.
const EXPLAINED: f64 = 0.5;

/// The single parameter, or time unit, whose change brings the model closest to the circuit.
fn explanation(v: &Verdict, prepared: &Prepared, start: &Start) -> Option<String> {
    let before = compare::nrmse_over(&v.model, &v.circuit, &v.model);
    let mut best: Option<(f64, f64, String)> = None;
    let mut consider = |cost: f64, change: f64, text: String| {
        if best.as_ref().is_none_or(|b| cost < 0.95 * b.0) {
            best = Some((cost, change, text));
        }
    };
    let stretched = |x: f64| {
        let tau: Vec<f64> = v.model.tau.iter().map(|t| t / (1.0 + x)).collect();
        let channels = v
            .model
            .channels
            .iter()
            .map(|c| Channel { values: grid::resample(&v.model.tau, &c.values, &tau), ..c.clone() });
        let waves = Waves { tau: v.model.tau.clone(), channels: channels.collect() };
        compare::nrmse_over(&waves, &v.circuit, &v.model)
    };
    // Shorter than the model's own tau would need the model beyond its end.
    let (x, cost) = minimum(&stretched, 0.0, REACH);
    consider(cost, x, format!("one tau {} longer (C, or a bias current)", percent(x)));
    for candidate in candidates(&v.case, prepared) {
        let scale = if candidate.base == 0.0 { 1.0 } else { candidate.base };
        let cost = |x: f64| {
            let mut neuron = candidate.neuron.clone();
            let changed = neuron.set(&candidate.parameter, candidate.base + x * scale);
            changed
                .ok()
                .and_then(|()| trajectory::waves(&v.case, &neuron, &v.model, start, TRIED).ok())
                .map_or(f64::INFINITY, |(waves, _)| compare::nrmse_over(&waves, &v.circuit, &v.model))
        };
        let (x, cost) = minimum(&cost, -REACH, REACH);
        let how = if x < 0.0 { "lower" } else { "higher" };
        let devices = devices(v, &candidate.parameter);
        consider(cost, x, format!("{} {} {how}{devices}", candidate.parameter, percent(x.abs())));
    }
    let (cost, change, text) = best?;
    (cost < (1.0 - EXPLAINED) * before && change.abs() > 1e-3).then(|| {
        format!("{text} would explain most of it: the normalised RMS difference falls from {before:.3} to {cost:.3}")
    })
}

/// Parameters worth trying: those of the case's model, then those of the model with its branches apart.
fn candidates(case: &Case, prepared: &Prepared) -> Vec<Candidate> {
    const NUMERICS: [&str; 3] = ["rtol", "atol", "v_thr"];
    let own = |neuron: &AnyNeuron| -> Vec<Candidate> {
        let parameters: Vec<(String, f64)> = neuron.parameters().map(|(n, v)| (n.to_owned(), v)).collect();
        let tried = parameters.into_iter().filter(|(name, _)| !NUMERICS.contains(&name.as_str()));
        tried.map(|(parameter, base)| Candidate { neuron: neuron.clone(), parameter, base }).collect()
    };
    let mut all = own(&prepared.neuron);
    all.extend(branches(case, prepared).map(|n| own(&n)).unwrap_or_default());
    all
}

/// The model with its branches apart, both as the symmetric model has them.
fn branches(case: &Case, prepared: &Prepared) -> Option<AnyNeuron> {
    let mut neuron = AnyNeuron::new(&format!("{}-branches", case.model)).ok()?;
    for (name, value) in prepared.neuron.parameters() {
        for branch in [format!("{name}_u"), format!("{name}_v")] {
            if neuron.get(&branch).is_ok() {
                neuron.set(&branch, value).ok()?;
            }
        }
    }
    Some(neuron)
}

/// The transistors that set a parameter, `alpha` for `alpha_u` too.
fn devices(v: &Verdict, parameter: &str) -> String {
    let base = parameter.trim_end_matches("_u").trim_end_matches("_v");
    let found =
        v.parameters.iter().find(|p| p.name == parameter).or_else(|| v.parameters.iter().find(|p| p.name == base));
    match found.map(|p| p.devices.join(", ")).filter(|d| !d.is_empty()) {
        Some(devices) => format!(" ({devices})"),
        None => String::new(),
    }
}

/// Smallest cost of a number in a range: a coarse look, then golden sections around the best.
fn minimum(cost: &dyn Fn(f64) -> f64, low: f64, high: f64) -> (f64, f64) {
    const LOOKS: usize = 17;
    const SECTIONS: usize = 14;
    let step = (high - low) / (LOOKS - 1) as f64;
    let looks = (0..LOOKS).map(|i| low + step * i as f64).map(|x| (x, cost(x)));
    let (middle, at_middle) = looks.fold((0.0, f64::INFINITY), |best, l| if l.1 < best.1 { l } else { best });
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut a, mut b) = ((middle - step).max(low), (middle + step).min(high));
    let (mut x1, mut x2) = (b - golden * (b - a), a + golden * (b - a));
    let (mut c1, mut c2) = (cost(x1), cost(x2));
    for _ in 0..SECTIONS {
        if c1 < c2 {
            (b, x2, c2) = (x2, x1, c1);
            x1 = b - golden * (b - a);
            c1 = cost(x1);
        } else {
            (a, x1, c1) = (x1, x2, c2);
            x2 = a + golden * (b - a);
            c2 = cost(x2);
        }
    }
    [(middle, at_middle), (x1, c1), (x2, c2)]
        .into_iter()
        .fold((0.0, f64::INFINITY), |m, l| if l.1 < m.1 { l } else { m })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_is_found_within_its_range() {
        let (x, cost) = minimum(&|x| (x - 0.1234).powi(2) + 1.0, -0.4, 0.4);
        assert!((x - 0.1234).abs() < 1e-4 && (cost - 1.0).abs() < 1e-7, "{x}");
        assert_eq!(minimum(&|x| x, -0.4, 0.4).0, -0.4);
        assert!(minimum(&|_| f64::INFINITY, -0.4, 0.4).1.is_infinite());
    }
}
