//! What a study's file calls its datasets: no two alike, which is seen before anything runs.

use felice_base::Located;

use crate::axes;
use crate::error::StudyError;
use crate::study::Study;
use crate::sweep::subject_of;
use crate::text::{Table, Value};

/// Names that are taken in every file, and in one with spikes.
const ALWAYS: [&str; 4] = ["point", "study", "failures", "spikes"];
const OF_SPIKES: [&str; 3] = ["spike", "spike_time", "row_size"];

/// Checks the names of axes and what they set against those of the outputs, and those of the outputs among themselves.
///
/// # Errors
/// [`StudyError::Study`] at the axis, or at what is run.
pub fn check(study: &Study, root: Table<'_>, tables: &[Value<'_>]) -> Result<(), StudyError> {
    let subject = subject_of(study)?;
    let own = ALWAYS.iter().chain(OF_SPIKES.iter().filter(|_| study.outputs.spikes)).map(|s| (*s).to_owned());
    let mut taken: Vec<String> = own.chain(["status".to_owned()]).collect();
    taken.extend(subject.sample_axis().map(|s| s.name));
    for column in subject.columns() {
        if taken.contains(&column.name) {
            let expected = format!("outputs that are called differently: `{}` would be two datasets", column.name);
            return Err(root.get("circuit").map_or_else(|| root.error(&*expected), |c| c.error(&*expected)).into());
        }
        taken.push(column.name);
    }
    for (axis, value) in study.axes.iter().zip(tables) {
        if let Some(name) = axes::names(axis).into_iter().find(|n| taken.contains(n)) {
            let expected = format!("another name: the file has a dataset `{name}` already; say `name = \"..\"`");
            return Err(place(value, expected)?.into());
        }
    }
    Ok(())
}

/// At the axis' name or quantity, where it has one.
fn place(axis: &Value<'_>, expected: String) -> Result<Located, Located> {
    let table = axis.table()?;
    let at = table.get("name").or_else(|| table.get("quantity"));
    Ok(at.map_or_else(|| axis.error(&*expected), |at| at.error(&*expected)))
}
