//! Programs that print ratios against peers and limits; see `README.md` in this folder.
