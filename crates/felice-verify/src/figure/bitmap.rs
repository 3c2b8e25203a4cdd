//! A plotters back end that draws into a bitmap (tiny-skia): the same picture as the SVG, for those who need a PNG.

use std::convert::Infallible;
use std::iter::once;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::{BACKEND_FONT, text};

/// A bitmap; `scale` of its pixels are one unit of the drawing.
pub(super) struct Bitmap<'p> {
    pub(super) pixels: &'p mut Pixmap,
    pub(super) scale: f32,
    pub(super) size: (u32, u32),
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn paint(color: BackendColor) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let (r, g, b) = color.rgb;
    // Clamped to a byte.
    paint.set_color_rgba8(r, g, b, (color.alpha.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

fn polyline(points: impl IntoIterator<Item = BackendCoord>, closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (x, y) in points {
        let (x, y) = (x as f32, y as f32);
        if path.is_empty() { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

impl Bitmap<'_> {
    fn whole(&self) -> Transform {
        Transform::from_scale(self.scale, self.scale)
    }

    fn fill(&mut self, path: Option<Path>, color: BackendColor) -> Drawn {
        let at = self.whole();
        if let Some(path) = path {
            self.pixels.fill_path(&path, &paint(color), FillRule::Winding, at, None);
        }
        Ok(())
    }

    fn stroke<S: BackendStyle>(&mut self, path: Option<Path>, style: &S) -> Drawn {
        let stroke = Stroke {
            width: style.stroke_width() as f32,
            line_join: LineJoin::Round,
            line_cap: LineCap::Butt,
            ..Stroke::default()
        };
        let at = self.whole();
        if let Some(path) = path {
            self.pixels.stroke_path(&path, &paint(style.color()), &stroke, at, None);
        }
        Ok(())
    }
}

impl DrawingBackend for Bitmap<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.stroke(polyline(once(from).chain(once(to)), false), style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Drawn {
        let rect = Rect::from_ltrb(a.0 as f32, a.1 as f32, b.0 as f32, b.1 as f32).map(PathBuilder::from_rect);
        if fill { self.fill(rect, style.color()) } else { self.stroke(rect, style) }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.stroke(polyline(path, false), style)
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let circle = PathBuilder::from_circle(at.0 as f32, at.1 as f32, radius as f32);
        if fill { self.fill(circle, style.color()) } else { self.stroke(circle, style) }
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        self.fill(polyline(corners, true), style.color())
    }

    /// Anchored as the SVG back end does it: Top is .76 em, Center half an x-height above the baseline.
    fn draw_text<S: BackendTextStyle>(&mut self, words: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        const HALF_X_HEIGHT: f32 = 0.26;
        let mut letters = Letters(PathBuilder::new());
        let width = text::outline(words, &mut letters) as f32;
        let size = (style.size() / BACKEND_FONT) as f32;
        let back = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => 0.5,
            HPos::Right => 1.0,
        };
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => HALF_X_HEIGHT,
            VPos::Bottom => -HALF_X_HEIGHT,
        };
        let turned = match style.transform() {
            FontTransform::None => 0.0,
            FontTransform::Rotate90 => 90.0,
            FontTransform::Rotate180 => 180.0,
            FontTransform::Rotate270 => 270.0,
        };
        let at = self
            .whole()
            .pre_translate(x as f32, y as f32)
            .pre_concat(Transform::from_rotate(turned))
            .pre_scale(size, size)
            .pre_translate(-back * width, down)
            .pre_scale(1.0, -1.0);
        if let Some(path) = letters.0.finish() {
            self.pixels.fill_path(&path, &paint(style.color()), FillRule::Winding, at, None);
        }
        Ok(())
    }
}

/// The outlines of letters as a path.
struct Letters(PathBuilder);

impl ttf_parser::OutlineBuilder for Letters {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}
