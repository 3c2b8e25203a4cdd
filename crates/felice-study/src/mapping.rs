//! Merging without moving: a file whose large arrays are virtual datasets over the shards'.

use std::path::{Component, Path};

use felice_base::Unit;
use felice_store::{Axis as FileAxis, Claim, Group, Provenance, Source, StoreError, Written};

use crate::error::StudyError;
use crate::finish::{self, Ragged as _};
use crate::moved::{Moved, path_of};
use crate::skeleton;
use crate::study::Study;
use crate::subject::{Column, Kind};

/// Writes the file that shows the shards as one.
///
/// # Errors
/// [`StudyError`].
pub(crate) fn write(
    moved: &Moved<'_>,
    claim: Claim,
    study: &Study,
    provenance: &Provenance,
    failed: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Written, StudyError> {
    let plan = moved.plan();
    let folder = claim.target().parent().unwrap_or(Path::new("")).to_owned();
    let (hashes, spikes_hash) = moved.hashes(progress)?;
    let sources = |dataset: &str| -> Vec<Source> {
        let source =
            |(file, points): (&Path, usize)| Source { file: seen_from(&folder, file), dataset: dataset.into(), points };
        moved.files().map(source).collect()
    };
    let place = |group: &Group<'_>, i: usize, column: &Column, axes: &[&FileAxis<'_>]| {
        let points = axes.len() - usize::from(column.width > 1);
        let (unit, name) = (Unit::new(column.unit.clone()), &column.name);
        let about = (&unit, column.long_name.as_str());
        let (sources, hash) = (sources(&path_of(column)), hashes.get(i).map_or(&[][..], Vec::as_slice));
        match column.kind {
            Kind::F64 => group.mapped::<f64>(name, about, (axes, points), &sources, hash),
            Kind::F32 => group.mapped::<f32>(name, about, (axes, points), &sources, hash),
            Kind::U64 => group.mapped::<u64>(name, about, (axes, points), &sources, hash),
            Kind::U8 => group.mapped::<u8>(name, about, (axes, points), &sources, hash),
        }
        .map(|()| None)
    };
    let draft = skeleton::build_with(claim, study, plan, provenance, &place)?.or_nothing();
    finish::write_coordinates(&draft, study, plan, &skeleton::coordinates(study, plan))?;
    draft.complete_arrays(1, &|_, _, _| ())?;
    let mut reasons = Vec::new();
    if failed > 0 {
        moved.visit(&mut |failures, _| {
            finish::keep(&mut reasons, failures);
            Ok(())
        })?;
    }
    let writer = draft.into_writer()?;
    if plan.spikes {
        write_spikes(&writer.root().existing_group("spikes")?, moved, &folder, &spikes_hash)?;
    }
    writer.root().attribute("virtual", 1_u64)?;
    finish::seal(writer, failed, &reasons, &moved.lines())
}

fn write_spikes(group: &Group<'_>, moved: &Moved<'_>, folder: &Path, sha256: &[u8]) -> Result<(), StoreError> {
    let axis = group.bare_axis("spike", moved.spikes() as usize)?;
    let unit = Unit::new(moved.plan().spike_unit);
    if moved.spikes() == 0 {
        return group.array::<f64>("spike_time", &unit, finish::SPIKE_TIMES, &[&axis], &[]);
    }
    let sources: Vec<Source> = moved
        .spikes_of()
        .filter(|(_, points)| *points > 0)
        .map(|(file, points)| Source { file: seen_from(folder, file), dataset: "spikes/spike_time".into(), points })
        .collect();
    group.mapped::<f64>("spike_time", (&unit, finish::SPIKE_TIMES), (&[&axis], 1), &sources, sha256)
}

/// A shard's name as the virtual file should hold it: relative where it lies in or below the same folder, so that both
/// can be moved together.
fn seen_from(folder: &Path, file: &Path) -> String {
    let whole = |p: &Path| std::fs::canonicalize(if p.as_os_str().is_empty() { Path::new(".") } else { p });
    let (Ok(folder), Ok(file)) = (whole(folder), whole(file)) else { return file.display().to_string() };
    match file.strip_prefix(&folder) {
        Ok(inside) if inside.components().all(|c| matches!(c, Component::Normal(_))) => inside.display().to_string(),
        _ => file.display().to_string(),
    }
}
