//! Figures as PNG.

use std::sync::Arc;

use diagnostic::Diagnostic;
use resvg::{tiny_skia, usvg};

use crate::artist::{Artist, Look};
use crate::figure::Figure;

/// Pixels of a PNG for each CSS pixel.
const SCALE: f32 = 2.0;

/// The page's families, in its order, and two that many systems have.
const FAMILIES: [&str; 8] = [
    "Inter",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "Liberation Sans",
    "DejaVu Sans",
    "Noto Sans",
];

impl Artist {
    /// The figure as a PNG file, two pixels for each of `look`'s.
    ///
    /// Letters come from the system's fonts; it is an error if there are none.
    pub fn png(&self, figure: &Figure, look: &Look) -> Result<Vec<u8>, Diagnostic> {
        let broken = |error: String| {
            Diagnostic::error(format!("the figure `{}` cannot be a PNG: {error}", figure.name))
                .help("write it as SVG")
        };
        let svg = self.svg(figure, look)?;
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_system_fonts();
        let known: Vec<String> = fonts
            .faces()
            .flat_map(|face| face.families.iter().map(|(family, _)| family.clone()))
            .collect();
        let chosen = FAMILIES.into_iter().find(|family| known.iter().any(|known| known == family));
        let Some(family) = chosen.or(known.first().map(String::as_str)) else {
            return Err(broken("this machine has no fonts".to_owned())
                .help("or install a font, such as the package fonts-dejavu-core"));
        };
        if chosen.is_some() {
            // A letter that the first family lacks comes from another of these, not from a serif.
            let others = fonts.faces().filter(|face| {
                !face.families.iter().any(|(family, _)| FAMILIES.contains(&family.as_str()))
            });
            for id in others.map(|face| face.id).collect::<Vec<_>>() {
                fonts.remove_face(id);
            }
        }
        fonts.set_sans_serif_family(family);
        let options = usvg::Options {
            font_family: family.to_owned(),
            fontdb: Arc::new(fonts),
            font_resolver: usvg::FontResolver {
                select_fallback: Box::new(alike),
                ..usvg::FontResolver::default()
            },
            ..usvg::Options::default()
        };
        let tree = usvg::Tree::from_str(&svg, &options).map_err(|e| broken(e.to_string()))?;
        let size = tree.size();
        let (width, height) = ((size.width() * SCALE) as u32, (size.height() * SCALE) as u32);
        let mut pixels = tiny_skia::Pixmap::new(width, height)
            .ok_or_else(|| broken(format!("{width} × {height} pixels are too many")))?;
        resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| broken(error.to_string()))
    }
}

/// A face for a letter that the first of `tried` lacks: of its weight and slant, and not narrow.
fn alike(
    letter: char,
    tried: &[usvg::fontdb::ID],
    fonts: &mut Arc<usvg::fontdb::Database>,
) -> Option<usvg::fontdb::ID> {
    let first = tried.first().and_then(|&id| fonts.face(id));
    let same = first.and_then(|first| {
        fonts.faces().find(|face| {
            !tried.contains(&face.id)
                && (face.weight, face.style, face.stretch)
                    == (first.weight, first.style, usvg::fontdb::Stretch::Normal)
        })
    });
    match same {
        Some(face) => Some(face.id),
        None => usvg::FontResolver::default_fallback_selector()(letter, tried, fonts),
    }
}
