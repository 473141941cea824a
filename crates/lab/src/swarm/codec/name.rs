//! Codecs as people write them: `int8`, `int4 128`, `top-k 64/4096 feedback 0.95`.

use std::fmt;
use std::str::FromStr;

use diagnostic::{Diagnostic, nearest};

use super::cosine::LARGEST_SIDE;
use super::{Codec, Format};

const NAMES: [&str; 7] = ["fp32", "bf16", "int8", "int4", "fp4", "top-k", "dct-sign"];
/// More values than this in a block or chunk save nothing.
const LARGEST_BLOCK: usize = 1 << 16;

impl FromStr for Codec {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let problem = |message: String| Diagnostic::error(format!("codec `{text}`: {message}"));
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let mut codec = match name {
            "fp32" | "f32" => Self::F32,
            "bf16" => Self::BF16,
            "int8" => Self::INT8,
            "int4" => Self::INT4,
            "fp4" => Self::FP4,
            "top-k" => Self::TOP_K,
            "dct-sign" => Self::DCT_SIGN,
            other => {
                let known = NAMES.join(", ");
                let help = nearest(other, NAMES)
                    .map_or(format!("one of {known}"), |name| format!("did you mean `{name}`?"));
                return Err(problem("unknown name".to_owned()).help(help));
            }
        };
        let mut word = words.next();
        if let Some(sizes) = word.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            codec.format = codec.format.with_sizes(sizes).map_err(|why| {
                problem(format!("`{sizes}`: {why}"))
                    .help(format!("for example `{}`", example(name)))
            })?;
            word = words.next();
        }
        if let Some(word) = word {
            let decay = words.next().and_then(|x| x.parse::<f32>().ok());
            match (word, decay, words.next()) {
                ("feedback", Some(decay), None) if (0.0..=1.0).contains(&decay) => {
                    codec.feedback = (decay > 0.0).then_some(decay);
                }
                _ => {
                    return Err(problem(format!("`{word}` is not understood"))
                        .help("after name and sizes, `feedback` and a decay from 0 to 1"));
                }
            }
        }
        Ok(codec)
    }
}

fn example(name: &str) -> &'static str {
    match name {
        "top-k" => "top-k 64/4096",
        "dct-sign" => "dct-sign 32/64x64",
        "int8" => "int8 256",
        _ => "int4 128",
    }
}

impl Format {
    /// The same format with the sizes of `text`, or what is wrong with them.
    fn with_sizes(self, text: &str) -> Result<Self, String> {
        let number = |text: &str, most: usize| {
            text.parse()
                .ok()
                .filter(|n| (1..=most).contains(n))
                .ok_or_else(|| format!("expected a whole number from 1 to {most}"))
        };
        Ok(match self {
            Self::F32 | Self::Bf16 => return Err("this format has no blocks".to_owned()),
            Self::Int8 { .. } => Self::Int8 { block: number(text, LARGEST_BLOCK)? },
            Self::Int4 { .. } => Self::Int4 { block: number(text, LARGEST_BLOCK)? },
            Self::Fp4 { .. } => Self::Fp4 { block: number(text, LARGEST_BLOCK)? },
            Self::TopK { .. } => {
                let (keep, chunk) = text.split_once('/').ok_or("expected KEPT/CHUNK")?;
                let chunk = number(chunk, LARGEST_BLOCK)?;
                Self::TopK { keep: number(keep, chunk)?, chunk }
            }
            Self::DctSign { .. } => {
                let (keep, side) = text.split_once('/').ok_or("expected KEPT/SIDExSIDE")?;
                let (rows, columns) = side.split_once('x').unwrap_or((side, side));
                let side = number(rows, LARGEST_SIDE)?;
                if rows != columns || !side.is_power_of_two() {
                    return Err("expected a square with a side of 2, 4, ... 128".to_owned());
                }
                Self::DctSign { keep: number(keep, side * side)?, side }
            }
        })
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = match self.format {
            Format::F32 => Self::F32,
            Format::Bf16 => Self::BF16,
            Format::Int8 { .. } => Self::INT8,
            Format::Int4 { .. } => Self::INT4,
            Format::Fp4 { .. } => Self::FP4,
            Format::TopK { .. } => Self::TOP_K,
            Format::DctSign { .. } => Self::DCT_SIGN,
        };
        match self.format {
            Format::F32 => write!(f, "fp32")?,
            Format::Bf16 => write!(f, "bf16")?,
            Format::Int8 { .. } => write!(f, "int8")?,
            Format::Int4 { .. } => write!(f, "int4")?,
            Format::Fp4 { .. } => write!(f, "fp4")?,
            // Sparse formats always say what they keep.
            Format::TopK { keep, chunk } => write!(f, "top-k {keep}/{chunk}")?,
            Format::DctSign { keep, side } => write!(f, "dct-sign {keep}/{side}x{side}")?,
        }
        if let Format::Int8 { block } | Format::Int4 { block } | Format::Fp4 { block } = self.format
            && self.format != usual.format
        {
            write!(f, " {block}")?;
        }
        if self.feedback != usual.feedback {
            write!(f, " feedback {}", self.feedback.unwrap_or(0.0))?;
        }
        Ok(())
    }
}

impl From<Codec> for String {
    fn from(codec: Codec) -> Self {
        codec.to_string()
    }
}

impl TryFrom<String> for Codec {
    type Error = Diagnostic;

    fn try_from(text: String) -> Result<Self, Diagnostic> {
        text.parse()
    }
}
