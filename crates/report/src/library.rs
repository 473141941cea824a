//! The scripts of the page: Apache `ECharts`, and our own.

/// Name, version and licence of the plotting library, for the page's foot.
pub(crate) const NOTICE: &str = "Figures are drawn by Apache ECharts 5.5.1, copyright 2017-2024 The Apache Software Foundation, \
under the Apache License 2.0. It contains ZRender, copyright 2013-2024 Baidu Inc. (BSD 3-Clause), and \
functions of d3, copyright 2010-2017 Mike Bostock (BSD 3-Clause).";

/// The licences of the library and of what it contains.
pub(crate) const LICENCE: &str =
    concat!(include_str!("../../../LICENSE-APACHE"), include_str!("../licences/bsd-3-clause.txt"));

/// The library, packed by gzip.
pub(crate) const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echarts.js.gz"));

/// From a figure to an option of the library: what the page and static files share.
pub(crate) const DRAWING: &str = concat!(
    include_str!("../page/format.js"),
    include_str!("../page/scales.js"),
    include_str!("../page/theme.js"),
    include_str!("../page/marks.js"),
    include_str!("../page/figure.js"),
);

/// Evaluates programs and summarises draws.
pub(crate) const LIVE: &str = include_str!("../page/live.js");

/// The page itself.
pub(crate) const PAGE: &str = concat!(
    include_str!("../page/data.js"),
    include_str!("../page/controls.js"),
    include_str!("../page/page.js")
);

/// The page's style.
pub(crate) const STYLE: &str = include_str!("../page/style.css");

/// The library as text.
pub(crate) fn unpacked() -> String {
    use std::io::Read as _;

    let mut text = String::new();
    // The build packed it: reading it back cannot fail.
    let read = flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text);
    debug_assert!(read.is_ok());
    text
}
