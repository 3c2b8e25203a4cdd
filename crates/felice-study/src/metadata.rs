//! What a file says about itself: title, authors and licence (CF 1.11 and DataCite 4.5), the study and all it was made from.

use felice_base::Unit;
use felice_store::{FileWriter, StoreError};
use serde_json::{Value, json};

use crate::plan::Plan;
use crate::study::{About, Study};

/// Writes the root's attributes and the group `/study`.
///
/// # Errors
/// [`StoreError`].
pub fn write(file: &FileWriter, study: &Study, plan: &Plan) -> Result<(), StoreError> {
    let root = file.root();
    let about = &study.about;
    root.attribute("Conventions", "CF-1.11")?;
    root.attribute("title", about.title.as_str())?;
    let names: Vec<&str> = about.authors.iter().map(|a| a.name.as_str()).collect();
    for (name, text) in [
        ("creator_name", Some(names.join("; "))),
        ("license", about.licence.clone()),
        ("summary", about.description.clone()),
        ("keywords", Some(about.keywords.join(", "))),
        ("references", Some(about.references.join(", "))),
    ] {
        if let Some(text) = text.filter(|t| !t.is_empty()) {
            root.attribute(name, text)?;
        }
    }
    root.attribute("study_sha256", study.sha256())?;
    root.attribute("points", study.points())?;
    if let Some(shard) = plan.shard {
        root.attribute("shard", shard.index)?;
        root.attribute("shards", shard.count)?;
    }
    let group = root.group("study")?;
    group.text("text", "the study file", &study.text)?;
    group.text("datacite", "metadata for an archive, DataCite 4.5 as JSON", &format!("{:#}", datacite(about)))?;
    if !study.inputs.is_empty() {
        let names: Vec<&str> = study.inputs.iter().map(|i| i.name.as_str()).collect();
        let texts: Vec<&str> = study.inputs.iter().map(|i| i.text.as_str()).collect();
        let axis = group.label_axis("input", "a file that the study names", &names)?;
        group.texts("input_text", "what it holds", &axis, &texts)?;
    }
    Ok(())
}

/// What is left to say once everything has run.
///
/// # Errors
/// [`StoreError`].
pub fn write_failures(file: &FileWriter, total: u64, failures: &[(u64, String)]) -> Result<(), StoreError> {
    let root = file.root();
    root.attribute("failed", total)?;
    if failures.is_empty() {
        return Ok(());
    }
    let group = root.group("failures")?;
    let (points, reasons): (Vec<u64>, Vec<&str>) = failures.iter().map(|(p, r)| (*p, r.as_str())).unzip();
    let axis = group.axis("point", &Unit::ONE, "index of the point in the study, the last axis fastest", &points)?;
    group.texts("reason", "why the point failed", &axis, &reasons)
}

/// DataCite's properties as far as a study knows them. What only the archive knows (identifier, publisher, year) is left out.
pub fn datacite(about: &About) -> Value {
    let creator = |a: &crate::study::Author| {
        let mut creator = json!({ "name": a.name, "nameType": "Personal" });
        if let Some(orcid) = &a.orcid {
            creator["nameIdentifiers"] = json!([{
                "nameIdentifier": format!("https://orcid.org/{orcid}"),
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }]);
        }
        if let Some(place) = &a.affiliation {
            creator["affiliation"] = json!([{ "name": place }]);
        }
        creator
    };
    let mut all = json!({
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "titles": [{ "title": about.title }],
        "creators": about.authors.iter().map(creator).collect::<Vec<_>>(),
        "types": { "resourceTypeGeneral": "Dataset", "resourceType": "simulation" },
        "formats": ["application/x-hdf5"],
        "subjects": about.keywords.iter().map(|k| json!({ "subject": k })).collect::<Vec<_>>(),
    });
    if let Some(licence) = &about.licence {
        all["rightsList"] = json!([{
            "rightsIdentifier": licence,
            "rightsIdentifierScheme": "SPDX",
            "schemeUri": "https://spdx.org/licenses/",
        }]);
    }
    if let Some(text) = &about.description {
        all["descriptions"] = json!([{ "description": text, "descriptionType": "Abstract" }]);
    }
    if !about.references.is_empty() {
        let related = |r: &String| {
            let bare = r.trim_start_matches("https://doi.org/").trim_start_matches("doi:");
            let kind = if bare.starts_with("10.") { "DOI" } else { "URL" };
            json!({ "relatedIdentifier": bare, "relatedIdentifierType": kind, "relationType": "IsSupplementTo" })
        };
        all["relatedIdentifiers"] = about.references.iter().map(related).collect();
    }
    all
}
