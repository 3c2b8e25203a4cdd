//! `felice inspect`: what is in a file, whether it is complete, where it came from.

use super::failure::Failure;
use felice_store::{AttributeValue, Entry, Inspection, Kind, Reader};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What is in a felice file, whether it is complete, where it came from.
#[derive(clap::Args)]
#[command(after_help = "Example: felice inspect results.h5 --verify")]
pub struct Inspect {
    /// The file.
    file: PathBuf,
    /// Recompute the hash over all data and compare it with the one stored.
    #[arg(long)]
    verify: bool,
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Inspect) -> Result<(), Failure> {
    let reader = Reader::open(&args.file).map_err(Failure::file)?;
    let inspection = reader.inspect().map_err(Failure::file)?;
    let intact = if args.verify { Some(content_matches(&reader, &inspection)?) } else { None };
    if args.json {
        println!("{:#}", to_json(&inspection, intact));
    } else {
        print!("{inspection}");
        if intact == Some(true) {
            println!("verified: the data's hash is the one stored");
        }
    }
    match intact {
        Some(false) if inspection.attribute("virtual").is_some() => Err(Failure::file(format!(
            "`{}` does not show the data it was made to show: a shard is missing or was changed; put the shards \
             (attribute merged_sha256) where they were, or merge again",
            args.file.display()
        ))),
        Some(false) => Err(Failure::file(format!(
            "`{}` is damaged: its data do not have the hash stored with them; restore it or make it again",
            args.file.display()
        ))),
        _ if !inspection.complete => Err(Failure::file(format!(
            "`{}` is not complete: the command that wrote it did not finish; run it again",
            args.file.display()
        ))),
        _ => Ok(()),
    }
}

fn content_matches(reader: &Reader, inspection: &Inspection) -> Result<bool, Failure> {
    let now = reader.content_sha256().map_err(Failure::file)?;
    Ok(matches!(inspection.attribute("content_sha256"), Some(AttributeValue::Text(stored)) if *stored == now))
}

fn to_json(inspection: &Inspection, intact: Option<bool>) -> Value {
    json!({
        "path": inspection.path.display().to_string(),
        "bytes": inspection.bytes,
        "complete": inspection.complete,
        "verified": intact,
        "attributes": attributes(&inspection.attributes),
        "entries": entries(&inspection.entries),
    })
}

fn attributes(all: &[(String, AttributeValue)]) -> Value {
    let value = |v: &AttributeValue| match v {
        AttributeValue::Text(t) => json!(t),
        AttributeValue::Texts(t) => json!(t),
        AttributeValue::Integer(n) => json!(n),
        AttributeValue::Float(x) => json!(x),
        AttributeValue::Floats(x) => json!(x),
    };
    Value::Object(all.iter().map(|(name, v)| (name.clone(), value(v))).collect::<Map<_, _>>())
}

fn entries(all: &[Entry]) -> Value {
    let one = |e: &Entry| match &e.kind {
        Kind::Group(inner) => json!({"group": entries(inner), "attributes": attributes(&e.attributes)}),
        Kind::Dataset { kind, shape, axes, is_axis, stored } => json!({
            "type": kind, "shape": shape, "axes": axes, "is_axis": is_axis, "stored_bytes": stored,
            "attributes": attributes(&e.attributes),
        }),
        Kind::Other => json!({"other": true}),
    };
    Value::Object(all.iter().map(|e| (e.name.clone(), one(e))).collect::<Map<_, _>>())
}
