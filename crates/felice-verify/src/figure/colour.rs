//! Colours that the colour-blind tell apart: the Okabe–Ito set for kinds, viridis for amounts.

use plotters::style::RGBColor;

/// A colour's role; the theme gives it its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Labels.
    Text,
    /// Axes and grid.
    Grid,
    /// The reference: model.
    Model,
    /// What is compared with it: circuit.
    Circuit,
    /// A third series.
    Third,
    /// A fourth.
    Fourth,
    /// A fifth.
    Fifth,
    /// A sixth.
    Sixth,
    /// An amount, from 0 (least) to 255.
    Amount(u8),
}

/// Inks for several series of one kind, in order.
pub const SERIES: [Ink; 6] = [Ink::Model, Ink::Circuit, Ink::Third, Ink::Fourth, Ink::Fifth, Ink::Sixth];

/// Who decides the colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Written into the SVG, on white: a file of its own.
    #[default]
    Standalone,
    /// CSS variables `--text --grid --model --circuit --third --fourth --fifth --sixth`: inline in a page.
    Page,
}

/// Ink, its value on white, its variable on a page.
const ROLES: [(Ink, RGBColor, &str); 8] = [
    (Ink::Text, RGBColor(0x1f, 0x23, 0x28), "--text"),
    (Ink::Grid, RGBColor(0xd0, 0xd4, 0xd9), "--grid"),
    (Ink::Model, RGBColor(0x00, 0x72, 0xb2), "--model"),
    (Ink::Circuit, RGBColor(0xd5, 0x5e, 0x00), "--circuit"),
    (Ink::Third, RGBColor(0x00, 0x9e, 0x73), "--third"),
    (Ink::Fourth, RGBColor(0xa4, 0x52, 0x8a), "--fourth"),
    (Ink::Fifth, RGBColor(0x56, 0xb4, 0xe9), "--fifth"),
    (Ink::Sixth, RGBColor(0xe6, 0x9f, 0x00), "--sixth"),
];

/// The colour of an ink. For a page it is a mark that [`for_page`] replaces.
pub(super) fn rgb(ink: Ink, theme: Theme) -> RGBColor {
    if let Ink::Amount(a) = ink {
        return viridis(a);
    }
    let Some(i) = ROLES.iter().position(|r| r.0 == ink) else { return RGBColor(0, 0, 0) };
    match theme {
        Theme::Standalone => ROLES[i].1,
        Theme::Page => RGBColor(1, 2, i as u8),
    }
}

/// Replaces the marks of [`rgb`] by the page's variables.
pub(super) fn for_page(svg: &str) -> String {
    let mut svg = svg.to_owned();
    for (i, (.., variable)) in ROLES.iter().enumerate() {
        svg = svg.replace(&format!("#0102{i:02X}"), &format!("var({variable})"));
    }
    svg
}

/// Viridis (van der Walt and Smith 2015, public domain): even to the eye, also in grey. Every sixteenth colour of
/// matplotlib's table of 256 and the last; between them linear, off by five of 255 at most.
const VIRIDIS: [[u8; 3]; 17] = [
    [68, 1, 84],
    [72, 24, 106],
    [71, 45, 123],
    [66, 64, 134],
    [59, 82, 139],
    [51, 99, 141],
    [44, 114, 142],
    [38, 130, 142],
    [33, 145, 140],
    [31, 160, 136],
    [40, 174, 128],
    [63, 188, 115],
    [94, 201, 98],
    [132, 212, 75],
    [173, 220, 48],
    [216, 226, 25],
    [253, 231, 37],
];

fn viridis(amount: u8) -> RGBColor {
    let (i, part) = (usize::from(amount) / 16, f64::from(amount % 16));
    let (a, b) = (VIRIDIS[i], VIRIDIS[i + 1]);
    // The last step is one short: the table's end is colour 255.
    let part = part / if i == 15 { 15.0 } else { 16.0 };
    let mix = |k: usize| (f64::from(a[k]) + part * (f64::from(b[k]) - f64::from(a[k]))).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_grows_lighter() {
        let light = |a: u8| {
            let RGBColor(r, g, b) = viridis(a);
            0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
        };
        // Each channel is rounded to a whole number.
        assert!((1..=255).all(|a| light(a) > light(a - 1) - 0.5));
        assert_eq!((viridis(0), viridis(255)), (RGBColor(68, 1, 84), RGBColor(253, 231, 37)));
    }
}
