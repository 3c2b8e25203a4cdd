//! Cards: every quantity survives its text, temperature follows its laws, a reader of any text gives a card or an error.

use super::cases;
use felice_subthreshold::card::{CIRCUIT_KEYS, CONDITION_KEYS, CORNER_KEYS, FET_KEYS, Key, Range};
use felice_subthreshold::{Card, Form, derive_as};
use proptest::prelude::*;

/// A unit that a key may be written in, and what one of it is in SI.
fn units(key: &Key) -> &'static [(&'static str, f64)] {
    match key.unit {
        "V" => &[("V", 1.0), ("mV", 1e-3), ("uV", 1e-6)],
        "A" => &[("A", 1.0), ("nA", 1e-9), ("pA", 1e-12), ("V/ohm", 1.0)],
        "F" => &[("F", 1.0), ("pF", 1e-12), ("fF", 1e-15), ("A*s/V", 1.0)],
        "K" => &[("K", 1.0)],
        "m" => &[("m", 1.0), ("um", 1e-6), ("nm", 1e-9)],
        "V/m" => &[("V/m", 1.0), ("V/um", 1e6), ("kV/mm", 1e6)],
        "V*m" => &[("V*m", 1.0), ("mV*um", 1e-9), ("mV·µm", 1e-9)],
        "F/m^2" => &[("F/m^2", 1.0), ("fF/um^2", 1e-3), ("fF/um²", 1e-3)],
        "F/m" => &[("F/m", 1.0), ("fF/um", 1e-9)],
        "V/K" => &[("V/K", 1.0), ("mV/K", 1e-3)],
        "1/V" => &[("1/V", 1.0)],
        "1/K" => &[("1/K", 1.0)],
        "V/A" => &[("V/A", 1.0), ("ohm", 1.0), ("Mohm", 1e6)],
        "1" => &[("1", 1.0), ("%", 0.01)],
        other => panic!("no units for {other}"),
    }
}

fn value(key: &Key, x: f64) -> f64 {
    match key.range {
        Range::Fraction | Range::Tolerance => 0.05 + 0.09 * x,
        Range::Count => (x as u8 % 9).into(),
        _ => x,
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Every key of every table, in every unit: text to SI to text to SI.
    #[test]
    fn prop_units_round_trip_for_every_key(pick: prop::sample::Index, unit: prop::sample::Index, x in 1.0..9.9_f64, error in 0.0..0.1_f64) {
        let tables = [("conditions", CONDITION_KEYS), ("nfet", FET_KEYS), ("circuit", CIRCUIT_KEYS), ("corners", CORNER_KEYS)];
        let all: Vec<(&str, &Key)> = tables.iter().flat_map(|(t, keys)| keys.iter().map(move |k| (*t, k))).collect();
        let (table, key) = all[pick.index(all.len())];
        // Tmin and Tmax lie on their own sides of each other's defaults.
        let x: f64 = match key.name { "Tmin" => 10.0 * x, "Tmax" => 400.0 + x, _ => value(key, x) };
        let (name, factor) = units(key)[unit.index(units(key).len())];
        let text = format!("[{table}]\n{} = {{ value = {:e}, error = {:e}, unit = \"{name}\" }}\n", key.name, x / factor, error / factor);
        let card = Card::from_toml(&text, "c").map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        let again = Card::from_toml(&card.to_toml(), "c").unwrap();
        let read = |c: &Card| {
            let q = match table {
                "conditions" => &c.conditions[key.name],
                "nfet" => &c.fets["nfet"].quantities[key.name],
                "circuit" => &c.circuit[key.name],
                _ => &c.corners[key.name],
            };
            (q.value, q.error.unwrap(), q.unit)
        };
        let (si, se, unit) = read(&card);
        prop_assert!((si / x - 1.0).abs() < 1e-14 || si == x, "{text}: {si} {x}");
        prop_assert!((se - error).abs() <= 1e-14 * error);
        prop_assert_eq!(unit, key.unit);
        prop_assert_eq!(read(&again), (si, se, unit));
    }

    /// I0(T) = Is (T/Tn)^(2-x) exp(-kappa(T) Vt0(T)/Ut(T)), beta = kappa(T)/Ut(T), at any temperature.
    #[test]
    fn prop_temperature(
        t in 200.0..420.0_f64, tn in 250.0..350.0_f64, kappa in 0.3..0.9_f64, drift in -3e-4..3e-4_f64, vt0 in 0.2..0.8_f64, tilt in -2e-3..0.0_f64, x in 1.0..2.0_f64,
    ) {
        let text = format!(
            "[conditions]\nT = {{ value = {t:e}, unit = \"K\" }}\nTnom = {{ value = {tn:e}, unit = \"K\" }}\n\
             [nfet]\nIs = {{ value = 0.5, unit = \"uA\" }}\nkappa = {{ value = {kappa:e}, unit = \"1\" }}\nVt0 = {{ value = {vt0:e}, unit = \"V\" }}\n\
             dVt0_dT = {{ value = {tilt:e}, unit = \"V/K\" }}\ndkappa_dT = {{ value = {drift:e}, unit = \"1/K\" }}\nmu_exponent = {{ value = {x:e}, unit = \"1\" }}\n\
             [circuit]\nIbias = {{ value = 1, unit = \"nA\" }}\nC = {{ value = 1, unit = \"pF\" }}\n"
        );
        let derived = derive_as(&Card::from_toml(&text, "c").unwrap(), "boomerang", Form::Closed).unwrap();
        let ut = 1.380_649e-23 * t / 1.602_176_634e-19;
        let k = kappa + drift * (t - tn);
        let i0 = 0.5e-6 * (t / tn).powf(2.0 - x) * (-k * (vt0 + tilt * (t - tn)) / ut).exp();
        prop_assert!((derived.value("alpha").unwrap() * 1e-9 / i0 - 1.0).abs() < 1e-9);
        prop_assert!((derived.value("beta").unwrap() * ut / k - 1.0).abs() < 1e-12);
    }

    /// Any text is a card or a located error, never a panic.
    #[test]
    fn prop_any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Card::from_toml(&text, "c");
    }

    /// A shipped card with a slice of it overwritten: read and derived, or refused.
    #[test]
    fn prop_damaged_cards_do_no_harm(from: prop::sample::Index, length in 0..12usize, with in "[ -~]{0,8}") {
        const GOOD: &str = include_str!("../../../../data/devices/ekv-boomerang.toml");
        let from = from.index(GOOD.len());
        let to = (from + length).min(GOOD.len());
        prop_assume!(GOOD.is_char_boundary(from) && GOOD.is_char_boundary(to));
        let text = format!("{}{with}{}", &GOOD[..from], &GOOD[to..]);
        if let Ok(card) = Card::from_toml(&text, "c")
            && let Ok(derived) = derive_as(&card, "boomerang", Form::Closed)
        {
            prop_assert!(derived.parameters.iter().all(|p| p.value.is_finite()));
        }
    }
}
