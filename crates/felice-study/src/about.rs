//! Who and what a dataset is, for archives.

use felice_base::Located;

use crate::text::{Table, Value};

/// DataCite's mandatory and most used properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Title of the dataset.
    pub title: String,
    /// Its authors.
    pub authors: Vec<Author>,
    /// SPDX name of its licence.
    pub licence: Option<String>,
    /// A few sentences.
    pub description: Option<String>,
    /// Keywords.
    pub keywords: Vec<String>,
    /// DOIs or addresses of what it belongs to.
    pub references: Vec<String>,
}

/// An author.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// `Family, Given`.
    pub name: String,
    /// 16 digits in groups of 4.
    pub orcid: Option<String>,
    /// Where.
    pub affiliation: Option<String>,
}

/// Reads them from a study's root.
pub fn read(root: Table<'_>) -> Result<About, Located> {
    let title = root.need("title", "the dataset's title")?;
    let words = |name| root.get(name).map(|v| nonempty(&v)).transpose();
    let mut about = About {
        title: nonempty(&title)?,
        licence: words("licence")?,
        description: words("description")?,
        keywords: root.or("keywords", Vec::new(), |v| v.strings())?,
        references: root.or("references", Vec::new(), |v| v.strings())?,
        authors: Vec::new(),
    };
    for value in root.or("authors", Vec::new(), |v| v.list())? {
        let table = value.table()?;
        table.only(&["name", "orcid", "affiliation"])?;
        let orcid = table.get("orcid").map(|v| orcid(&v)).transpose()?;
        let name = nonempty(&table.need("name", "\"Family, Given\"")?)?;
        about.authors.push(Author {
            name,
            orcid,
            affiliation: table.get("affiliation").map(|v| nonempty(&v)).transpose()?,
        });
    }
    Ok(about)
}

fn nonempty(value: &Value<'_>) -> Result<String, Located> {
    let text = value.string()?;
    if text.trim().is_empty() { Err(value.error("some words")) } else { Ok(text) }
}

/// 0000-0002-1825-0097, its last character the ISO 7064 check digit of the others.
fn orcid(value: &Value<'_>) -> Result<String, Located> {
    let text = value.string()?;
    let plain = text.trim_start_matches("https://orcid.org/");
    let digits: Vec<char> = plain.chars().filter(|c| *c != '-').collect();
    let grouped = plain.len() == 19 && plain.split('-').all(|g| g.len() == 4);
    let (body, last) = digits.split_at(digits.len().saturating_sub(1));
    let sum = body.iter().try_fold(0, |sum, c| Some((sum + c.to_digit(10)?) * 2 % 11));
    let check = sum.map(|sum| match (12 - sum) % 11 {
        10 => 'X',
        d => char::from_digit(d, 10).unwrap_or('?'),
    });
    if grouped && digits.len() == 16 && check.as_ref() == last.first() {
        Ok(plain.to_owned())
    } else {
        Err(value.error("an ORCID iD like 0000-0002-1825-0097, its check digit right"))
    }
}
