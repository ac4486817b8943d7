//! Pages of a listing that do not shift when something new arrives.

use super::{Place, Time};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smol_str::SmolStr;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

/// The most items of one page.
pub const PAGE_MAX: usize = 1000;
/// Items of a page when nothing is said.
pub(super) const PAGE_DEFAULT: usize = 100;

/// One page and the way to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What the query asked for, newest first.
    pub items: Vec<T>,
    /// Give this to the next query; `None` on the last page.
    pub next: Option<Cursor>,
}

/// The place of the last item of a page; opaque to readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) Place);

/// A cursor that no page gave out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cursor {text:?} is none that a page gave out: leave it out to begin at the first page")]
pub struct CursorError {
    /// As given.
    pub text: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Reverse(time), id) = &self.0;
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}:{id}", time.0)))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        let parse = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let plain = String::from_utf8(bytes).ok()?;
            let (time, id) = plain.split_once(':')?;
            Some(Cursor((Reverse(Time(time.parse().ok()?)), SmolStr::new(id))))
        };
        parse().ok_or_else(|| CursorError { text: text.to_owned() })
    }
}

/// The entries of a map from a cursor on.
pub(super) fn after<'a, T>(
    map: &'a BTreeMap<Place, T>,
    cursor: Option<&Cursor>,
) -> impl Iterator<Item = (&'a Place, &'a T)> + use<'a, T> {
    let from = cursor.map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.0.clone()));
    map.range((from, Bound::Unbounded))
}

/// The first entries that `pick` takes; a cursor when there are more.
pub(super) fn collect<'a, V: 'a, T>(
    limit: Option<usize>,
    entries: impl Iterator<Item = (&'a Place, &'a V)>,
    pick: impl Fn(&V) -> Option<T>,
) -> Page<T> {
    let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let mut items = Vec::new();
    let mut last: Option<&Place> = None;
    for (place, value) in entries {
        let Some(item) = pick(value) else { continue };
        if items.len() == limit {
            return Page { items, next: last.cloned().map(Cursor) };
        }
        items.push(item);
        last = Some(place);
    }
    Page { items, next: None }
}
