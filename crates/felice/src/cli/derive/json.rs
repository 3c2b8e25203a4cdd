//! The answer for a program.

use super::{Answer, text};
use felice_subthreshold::corners::Corner;
use felice_subthreshold::design::{Design, Limits};
use felice_subthreshold::{Derived, DerivedParameter, QUANTILES, Sensitivity, Spread, Uncertainty};
use serde_json::{Map, Value, json};

pub(super) fn answer(a: &Answer) -> Value {
    let mut out = json!({
        "card": a.card.name,
        "file": a.file,
        "model": a.derived.model,
        "form": text::form(a.derived.form),
        "parameters": parameters(a),
        "quantities": plain(&a.derived.quantities),
        "time_unit": time_unit(a),
    });
    let mut put = |key: &str, value: Option<Value>| {
        if let (Some(object), Some(value)) = (out.as_object_mut(), value) {
            object.insert(key.to_owned(), value);
        }
    };
    put("design", a.design.as_ref().map(|(d, l)| design(d, l)));
    put("corners", a.corners.as_ref().map(|all| all.iter().map(corner).collect()));
    put("monte_carlo", a.spread.as_ref().map(spread));
    put("sensitivity", a.sensitivity.as_ref().map(|s| json!(s)));
    put("sensitivity_most", a.sensitivity.as_ref().map(|s| most(s)));
    put("warnings", Some(json!(a.warnings)));
    out
}

fn parameters(a: &Answer) -> Value {
    let entry = |p: &DerivedParameter| {
        let mut value = described(p);
        if let Some(object) = value.as_object_mut() {
            if let Some(other) = &a.other {
                object.insert(text::form(other.form).to_owned(), json!(other.value(&p.name)));
            }
            uncertain(object, a.uncertainties.iter().find(|u| u.parameter == p.name));
        }
        (p.name.clone(), value)
    };
    Value::Object(a.derived.parameters.iter().map(entry).collect())
}

fn time_unit(a: &Answer) -> Value {
    let mut object = Map::new();
    object.insert("value".into(), json!(a.derived.time_unit_s));
    object.insert("unit".into(), json!("s"));
    if let Some(other) = &a.other {
        object.insert(text::form(other.form).to_owned(), json!(other.time_unit_s));
    }
    uncertain(&mut object, a.uncertainties.iter().find(|u| u.parameter == "time_unit"));
    Value::Object(object)
}

fn uncertain(object: &mut Map<String, Value>, uncertainty: Option<&Uncertainty>) {
    if let Some(u) = uncertainty {
        object.insert("standard_error".into(), json!(u.error));
        object.insert("standard_error_from".into(), json!(u.contributions));
    }
}

fn described(p: &DerivedParameter) -> Value {
    json!({"symbol": p.symbol, "value": p.value, "unit": p.unit, "formula": p.formula, "devices": p.devices})
}

fn plain(all: &[DerivedParameter]) -> Value {
    Value::Object(all.iter().map(|p| (p.name.clone(), described(p))).collect())
}

fn values(derived: &Derived) -> Value {
    let entry = |p: &DerivedParameter| (p.name.clone(), json!({"value": p.value, "unit": p.unit}));
    Value::Object(derived.parameters.iter().map(entry).collect())
}

fn corner(c: &Corner) -> Value {
    let place = json!({
        "process": c.process,
        "supply": c.supply.map(|v| json!({"value": v, "unit": "V"})),
        "temperature": {"value": c.temperature, "unit": "K"},
    });
    let found = match &c.derived {
        Ok(d) => json!({
            "parameters": values(d),
            "time_unit": {"value": d.time_unit_s, "unit": "s"},
            "warnings": d.warnings,
        }),
        Err(e) => json!({"error": e.to_string()}),
    };
    let merged = [place, found].into_iter().filter_map(|v| if let Value::Object(o) = v { Some(o) } else { None });
    Value::Object(merged.flatten().collect())
}

/// The one device and quantity that moves each parameter most.
fn most(table: &[Sensitivity]) -> Value {
    let mut found: Map<String, Value> = Map::new();
    for s in table {
        let least = |v: &Value| v["effect"].as_f64().is_none_or(|e| e.abs() < s.effect.abs());
        if found.get(&s.parameter).is_none_or(least) {
            found.insert(s.parameter.clone(), json!({"device": s.device, "quantity": s.quantity, "effect": s.effect}));
        }
    }
    Value::Object(found)
}

fn spread(s: &Spread) -> Value {
    let names: Vec<&str> = s.parameters.iter().map(|p| p.name.as_str()).collect();
    let entry = |p: &felice_subthreshold::ParameterSpread| {
        let quantiles: Map<_, _> = QUANTILES.iter().zip(p.quantiles).map(|(q, v)| (q.to_string(), json!(v))).collect();
        let disagreement = p.disagreement();
        let value = json!({
            "unit": p.unit,
            "nominal": p.nominal,
            "mean": p.mean,
            "mean_error": p.mean_error,
            "standard_deviation": p.deviation,
            "standard_deviation_error": p.deviation_error,
            "first_order": p.propagated,
            "first_order_agrees": disagreement.is_none(),
            "disagreement": disagreement,
            "skewness": p.skewness,
            "quantiles": quantiles,
        });
        (p.name.clone(), value)
    };
    json!({
        "samples": s.samples,
        "seed": s.seed,
        "mismatch": s.mismatch,
        "parameters": s.parameters.iter().map(entry).collect::<Map<_, _>>(),
        "correlations": {"names": names, "matrix": s.correlations},
    })
}

fn design(d: &Design, limits: &Limits) -> Value {
    let range = |[low, high]: [f64; 2], unit: &str| json!({"min": low, "max": high, "unit": unit});
    json!({
        "achieved": d.achieved,
        "changes": d.changes,
        "limits": {
            "W": range(limits.w, "m"),
            "L": range(limits.l, "m"),
            "C": range(limits.c, "F"),
            "R": range(limits.r, "ohm"),
            "Ibias": range(limits.i, "A"),
            "tolerance": limits.tolerance,
        },
        "parameters": values(&d.derived),
        "time_unit": {"value": d.derived.time_unit_s, "unit": "s"},
        "warnings": d.derived.warnings,
        "card": d.card.to_toml(),
    })
}
