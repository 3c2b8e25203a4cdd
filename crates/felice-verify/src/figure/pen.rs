//! Drawing in pixels of 1/96 inch on whichever back end.

use plotters::element::DashedPathElement;
use plotters::prelude::{
    Circle, Color, DrawingBackend, IntoFont, PathElement, Polygon, RGBAColor, Rectangle, Text, TextStyle,
};
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::colour::{Ink, rgb};
use super::line::Place;
use super::{Area, BACKEND_FONT, Drawn, FINE, Sheet, px};

/// Where a text stands from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// To the right of it, half above.
    Left,
    /// To the left of it, half above.
    Right,
    /// Below it, in the middle.
    Top,
    /// Above it, in the middle.
    Bottom,
    /// Turned to read upward, to the right of it, in the middle.
    Turned,
}

/// A hand that draws on an area.
pub(super) struct Pen<'a, DB: DrawingBackend> {
    pub(super) area: &'a Area<DB>,
    pub(super) sheet: &'a Sheet,
}

fn at((x, y): Place) -> (i32, i32) {
    (px(x), px(y))
}

fn stroke(pixels: f64) -> u32 {
    px(pixels).max(1).unsigned_abs()
}

impl<DB: DrawingBackend> Pen<'_, DB>
where
    DB::ErrorType: 'static,
{
    fn color(&self, ink: Ink, opacity: f64) -> RGBAColor {
        rgb(ink, self.sheet.theme).mix(opacity)
    }

    pub(super) fn line(&self, points: &[Place], ink: Ink, opacity: f64, width: f64) -> Drawn {
        let path: Vec<_> = points.iter().copied().map(at).collect();
        self.area.draw(&PathElement::new(path, self.color(ink, opacity).stroke_width(stroke(width))))?;
        Ok(())
    }

    pub(super) fn dashes(&self, points: &[Place], ink: Ink, width: f64) -> Drawn {
        let path: Vec<_> = points.iter().copied().map(at).collect();
        let style = self.color(ink, 1.0).stroke_width(stroke(width));
        self.area.draw(&DashedPathElement::new(path, stroke(5.0), stroke(4.0), style))?;
        Ok(())
    }

    pub(super) fn dot(&self, place: Place, ink: Ink, radius: f64) -> Drawn {
        self.area.draw(&Circle::new(at(place), px(radius), self.color(ink, 1.0).filled()))?;
        Ok(())
    }

    pub(super) fn ring(&self, place: Place, ink: Ink, radius: f64) -> Drawn {
        self.area.draw(&Circle::new(at(place), px(radius), self.color(ink, 1.0).stroke_width(stroke(1.4))))?;
        Ok(())
    }

    pub(super) fn rectangle(&self, a: Place, b: Place, ink: Ink, opacity: f64) -> Drawn {
        self.area.draw(&Rectangle::new([at(a), at(b)], self.color(ink, opacity).filled()))?;
        Ok(())
    }

    pub(super) fn polygon(&self, points: &[Place], ink: Ink, opacity: f64) -> Drawn {
        let path: Vec<_> = points.iter().copied().map(at).collect();
        self.area.draw(&Polygon::new(path, self.color(ink, opacity)))?;
        Ok(())
    }

    pub(super) fn text(&self, words: &str, place: Place, anchor: Anchor) -> Drawn {
        let (h, v) = match anchor {
            Anchor::Left => (HPos::Left, VPos::Center),
            Anchor::Right => (HPos::Right, VPos::Center),
            Anchor::Top | Anchor::Turned => (HPos::Center, VPos::Top),
            Anchor::Bottom => (HPos::Center, VPos::Bottom),
        };
        let font = ("sans-serif", self.sheet.text * FINE * BACKEND_FONT).into_font();
        let font = if anchor == Anchor::Turned { font.transform(FontTransform::Rotate270) } else { font };
        let color = self.color(Ink::Text, 1.0);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h, v));
        self.area.draw(&Text::new(words.to_owned(), at(place), style))?;
        Ok(())
    }
}
