//! The one typeface of every figure: how wide a text is, and the outlines of its letters.
//!
//! Felice Sans (see `fonts/`) has the widths of Arial and Helvetica, which journals ask for: what is laid out with it fits
//! whichever of the three a viewer takes for an SVG.

use ttf_parser::{Face, OutlineBuilder};

const FONT: &[u8] = include_bytes!("../../fonts/felice-sans.ttf");

/// Families for an SVG, best first.
pub(super) const FAMILIES: &str = "Arial, Helvetica, 'Liberation Sans', 'Felice Sans', sans-serif";

fn face() -> Option<Face<'static>> {
    Face::parse(FONT, 0).ok()
}

/// Width of a text whose letters are `size` high, in the same unit.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let Some(face) = face() else { return 0.6 * size * text.chars().count() as f64 };
    let units: u32 = text.chars().map(|c| u32::from(advance(&face, c))).sum();
    size * f64::from(units) / f64::from(face.units_per_em())
}

/// A letter that the font lacks is drawn as its empty box.
fn advance(face: &Face<'_>, letter: char) -> u16 {
    face.glyph_hor_advance(face.glyph_index(letter).unwrap_or_default()).unwrap_or(0)
}

/// Calls `pen` with the outlines of a text, its baseline from (0, 0) to the right, ordinates upward, in parts of the
/// letters' size; with the text's width in the same unit.
pub(super) fn outline(text: &str, pen: &mut dyn OutlineBuilder) -> f64 {
    let Some(face) = face() else { return 0.0 };
    let unit = 1.0 / f32::from(face.units_per_em());
    let mut x = 0.0;
    for letter in text.chars() {
        let glyph = face.glyph_index(letter).unwrap_or_default();
        face.outline_glyph(glyph, &mut Placed { pen, unit, x });
        x += f32::from(advance(&face, letter)) * unit;
    }
    f64::from(x)
}

/// Outlines moved to their place in the text.
struct Placed<'p> {
    pen: &'p mut dyn OutlineBuilder,
    unit: f32,
    x: f32,
}

impl Placed<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.unit, y * self.unit)
    }
}

impl OutlineBuilder for Placed<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.pen.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.pen.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.pen.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.pen.curve_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.pen.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_helvetica() {
        // Adobe's Helvetica metrics: digits 556, space 278, m 833, per thousand.
        assert!((width("0", 1000.0) - 556.0).abs() < 1.0);
        assert!((width("m m", 1000.0) - (2.0 * 833.0 + 278.0)).abs() < 2.0);
    }

    #[test]
    fn every_sign_of_our_labels_is_in_the_font() {
        let face = face().unwrap();
        for letter in "0123456789 −+·×⁰¹²³⁴⁵⁶⁷⁸⁹⁻ABCxyz()[]/,.:;%°Ωµμαβγρστκτ∞±≤≥√→∂Δ–—…′".chars()
        {
            assert!(face.glyph_index(letter).is_some(), "{letter}");
        }
    }
}
