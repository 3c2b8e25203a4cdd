//! A file's data as CSV: every group's datasets as tables, one row a point, every digit kept.

mod cells;
mod tables;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use crate::attribute::AttributeValue;
use crate::error::StoreError;
use crate::folder::write_folder;
use crate::inspect::{Entry, Inspection, Kind};
use crate::plain::{PlainWriter, write_plain};
use crate::reader::Reader;
use cells::{Cells, scalar};
use tables::join;

pub use tables::{Table, tables};

/// Writes one table as CSV.
///
/// # Errors
/// [`StoreError`]; nothing is left under the final name.
pub fn export_table(reader: &Reader, table: &Table, target: &Path) -> Result<(), StoreError> {
    let mut file = PlainWriter::create(target)?;
    let written = write_rows(reader, table, &mut file)?;
    written.map_err(|e| file.error(&e))?;
    file.finish()
}

/// Writes a group and all below it into a folder: a CSV file a table, texts as they are, `columns.csv` with every column's
/// unit and meaning, `attributes.csv` with every attribute.
///
/// # Errors
/// [`StoreError`]; no folder is left then.
pub fn export_folder(reader: &Reader, group: Option<&str>, target: &Path) -> Result<usize, StoreError> {
    let all = tables(reader, group, true)?;
    let inspection = reader.inspect()?;
    let mut count = 0;
    write_folder(target, |folder| {
        let mut names = HashSet::new();
        let mut unique = |name: String, ending: &str| {
            let mut tried = format!("{name}.{ending}");
            let mut k = 2;
            while !names.insert(tried.to_lowercase()) {
                tried = format!("{name}-{k}.{ending}");
                k += 1;
            }
            tried
        };
        let mut columns = String::from("file,column,dataset,units,long_name\n");
        unique("columns".into(), "csv");
        unique("attributes".into(), "csv");
        for table in &all {
            let name = unique(table.file(), "csv");
            export_table(reader, table, &folder.join(&name))?;
            for c in &table.columns {
                // Writing to a String cannot fail.
                let _ = writeln!(columns, "{}", line(&[&name, &c.name, &c.path, &c.unit, &c.about]));
            }
            count += 1;
        }
        for (path, text) in texts(reader, &inspection, group)? {
            let name = unique(path.replace(['/', ' '], "."), "txt");
            write_plain(&folder.join(name), text)?;
            count += 1;
        }
        write_plain(&folder.join("columns.csv"), columns)?;
        write_plain(&folder.join("attributes.csv"), attributes(&inspection))
    })?;
    Ok(count + 2)
}

/// A line of CSV, quoted where it must be.
fn line(fields: &[&str]) -> String {
    let quoted = |f: &&str| {
        if f.contains([',', '"', '\n', '\r']) { format!("\"{}\"", f.replace('"', "\"\"")) } else { (*f).to_owned() }
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

fn attributes(inspection: &Inspection) -> String {
    fn add(out: &mut String, object: &str, all: &[(String, AttributeValue)]) {
        for (name, value) in all {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", line(&[object, name, &value.to_string()]));
        }
    }
    fn walk(out: &mut String, group: &str, entries: &[Entry]) {
        for e in entries {
            let path = join(group, &e.name);
            add(out, &path, &e.attributes);
            if let Kind::Group(inner) = &e.kind {
                walk(out, &path, inner);
            }
        }
    }
    let mut out = String::from("object,attribute,value\n");
    add(&mut out, "/", &inspection.attributes);
    walk(&mut out, "", &inspection.entries);
    out
}

/// Single texts: (path, text).
fn texts(reader: &Reader, inspection: &Inspection, group: Option<&str>) -> Result<Vec<(String, String)>, StoreError> {
    fn walk(group: &str, entries: &[Entry], found: &mut Vec<String>) {
        for e in entries {
            let path = join(group, &e.name);
            match &e.kind {
                Kind::Group(inner) => walk(&path, inner, found),
                Kind::Dataset { kind: "str", shape, .. } if shape.is_empty() => found.push(path),
                _ => {}
            }
        }
    }
    let mut paths = Vec::new();
    walk("", &inspection.entries, &mut paths);
    let within = group.unwrap_or("").trim_matches('/');
    let inside = |p: &String| within.is_empty() || p.starts_with(&format!("{within}/"));
    let read = |p: String| Ok((p.clone(), reader.texts(&p)?.pop().unwrap_or_default()));
    paths.into_iter().filter(inside).map(read).collect()
}

type Written = Result<(), std::io::Error>;

fn write_rows(reader: &Reader, table: &Table, out: &mut dyn Write) -> Result<Written, StoreError> {
    let mut csv = csv::WriterBuilder::new().from_writer(out);
    let io = |e: csv::Error| std::io::Error::other(e);
    if table.scalars {
        let mut write = || {
            csv.write_record(["name", "value", "units", "long_name"])?;
            Ok(())
        };
        let head: Result<(), csv::Error> = write();
        if let Err(e) = head {
            return Ok(Err(into_io(e)));
        }
        for c in &table.columns {
            let value = scalar(reader, c)?;
            if let Err(e) = csv.write_record([&c.name, &value, &c.unit, &c.about]) {
                return Ok(Err(into_io(e)));
            }
        }
        return Ok(csv.flush());
    }
    if let Err(e) = csv.write_record(table.columns()) {
        return Ok(Err(io(e)));
    }
    let mut sources: Vec<Cells> =
        table.columns.iter().map(|c| Cells::new(reader, table, c)).collect::<Result<_, _>>()?;
    for row in 0..table.rows {
        for cells in &mut sources {
            let cell = cells.cell(reader, row)?;
            if let Err(e) = csv.write_field(cell) {
                return Ok(Err(into_io(e)));
            }
        }
        if let Err(e) = csv.write_record(None::<&[u8]>) {
            return Ok(Err(into_io(e)));
        }
    }
    Ok(csv.flush())
}

fn into_io(e: csv::Error) -> std::io::Error {
    match e.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => std::io::Error::other(format!("{other:?}")),
    }
}
