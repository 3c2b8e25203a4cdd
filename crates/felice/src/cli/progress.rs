//! Progress on a terminal; none in a pipe.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of this length: what stands beside it, in `indicatif`'s words.
pub fn bar(quiet: bool, length: u64, beside: &str) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(length) };
    // The templates are constants that parse.
    if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {beside}")) {
        bar.set_style(style);
    }
    bar
}
