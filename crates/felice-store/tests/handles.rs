//! A file is whole though its groups outlive it.

use felice_base::Unit;
use felice_store::{FileWriter, Provenance, inspect};

#[test]
fn groups_that_outlive_the_writer_leave_the_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.h5");
    {
        let file = FileWriter::create(&path, &Provenance::new("felice", "0", "0")).unwrap();
        let root = file.root();
        let inner = root.group("inner").unwrap();
        let _axis = inner.axis("t", &Unit::ONE, "time", &[0.0, 1.0]).unwrap();
        let _none = inner.axis::<f64>("events", &Unit::ONE, "no time at all", &[]).unwrap();
        file.finish().unwrap();
        inspect(&path).unwrap();
    }
    inspect(&path).unwrap();
}
