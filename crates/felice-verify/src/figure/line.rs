//! Lines within their panel, without the points that nobody sees.

/// A place in pixels.
pub(super) type Place = (f64, f64);

/// A panel's inside in pixels: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Inside {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Inside {
    pub(super) fn holds(&self, (x, y): Place) -> bool {
        x >= self.left && x <= self.right && y >= self.top && y <= self.bottom
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// The part of a stretch that lies inside (Liang and Barsky 1984).
    fn clip(&self, a: Place, b: Place) -> Option<(Place, Place)> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (p, q) in [(-dx, a.0 - self.left), (dx, self.right - a.0), (-dy, a.1 - self.top), (dy, self.bottom - a.1)] {
            if p == 0.0 {
                if q < 0.0 {
                    return None;
                }
            } else if p < 0.0 {
                from = from.max(q / p);
            } else {
                to = to.min(q / p);
            }
        }
        let at = |s: f64| (a.0 + s * dx, a.1 + s * dy);
        (from <= to).then(|| (if from > 0.0 { at(from) } else { a }, if to < 1.0 { at(to) } else { b }))
    }
}

/// What of a line is seen, in unbroken runs: it breaks where it leaves the panel and at points that are no numbers.
pub(super) fn runs(points: impl Iterator<Item = Place>, inside: &Inside) -> Vec<Vec<Place>> {
    let mut all: Vec<Vec<Place>> = Vec::new();
    let mut run: Vec<Place> = Vec::new();
    let mut before: Option<Place> = None;
    let mut end = |run: &mut Vec<Place>| {
        if run.len() > 1 {
            all.push(thin(run));
        }
        run.clear();
    };
    for p in points {
        if !(p.0.is_finite() && p.1.is_finite()) {
            end(&mut run);
            before = None;
            continue;
        }
        if let Some(a) = before {
            match inside.clip(a, p) {
                Some((from, to)) => {
                    if run.last() != Some(&from) {
                        end(&mut run);
                        run.push(from);
                    }
                    run.push(to);
                }
                None => end(&mut run),
            }
        }
        before = Some(p);
    }
    end(&mut run);
    all
}

/// A line without the points that change no pixel: what is kept of each quarter-pixel column is its first, lowest,
/// highest and last point. Where the line turns back (phase planes) each turn begins a new column.
fn thin(points: &[Place]) -> Vec<Place> {
    let cell = |v: f64| (4.0 * v).floor();
    let mut kept: Vec<Place> = Vec::new();
    let mut column: Vec<Place> = Vec::new();
    let mut flush = |column: &mut Vec<Place>| {
        let by_y = |a: &&Place, b: &&Place| a.1.total_cmp(&b.1);
        let ends = [column.first().copied(), column.last().copied()];
        let (low, high) = (column.iter().min_by(by_y).copied(), column.iter().max_by(by_y).copied());
        for p in column.iter().filter(|p| [ends[0], ends[1], low, high].contains(&Some(**p))) {
            if kept.last() != Some(p) {
                kept.push(*p);
            }
        }
        column.clear();
    };
    for &p in points {
        let same = column.first().is_some_and(|c| cell(c.0) == cell(p.0));
        let still = column.last().is_some_and(|c| same && cell(c.1) == cell(p.1));
        if !same {
            flush(&mut column);
        }
        if still && column.len() > 3 {
            column.pop();
        }
        column.push(p);
    }
    flush(&mut column);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Inside = Inside { left: 0.0, top: 0.0, right: 100.0, bottom: 50.0 };

    #[test]
    fn a_line_ends_at_the_panel_and_goes_on_where_it_comes_back() {
        let line = [(-10.0, 25.0), (50.0, 25.0), (50.0, 100.0), (90.0, 100.0), (90.0, 0.0)];
        let seen = runs(line.into_iter(), &BOX);
        assert_eq!(seen, [vec![(0.0, 25.0), (50.0, 25.0), (50.0, 50.0)], vec![(90.0, 50.0), (90.0, 0.0)]]);
        let broken = [(0.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0), (2.0, 1.0), (3.0, 1.0)];
        assert_eq!(runs(broken.into_iter(), &BOX).len(), 2, "a gap stays a gap");
    }

    #[test]
    fn thinning_keeps_what_is_seen() {
        let wave = |i: i32| (f64::from(i) * 5e-3, 25.0 + 20.0 * (f64::from(i) * 0.05).sin());
        let kept = runs((0..=20_000).map(wave), &BOX).remove(0);
        let highest = kept.iter().map(|p| p.1).fold(f64::MIN, f64::max);
        assert!(kept.len() < 4000 && highest > 44.99, "{} {highest}", kept.len());
        assert_eq!(kept.last(), Some(&wave(20_000)));
        assert!(kept.windows(2).all(|w| w[0].0 <= w[1].0), "a line over time stays in order");
    }
}
