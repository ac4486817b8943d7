//! Finds the templates of messages as they come.
//!
//! A message is masked to a key. A key that was seen before costs one probe. A new key is
//! taken apart into words and what stands between them; templates whose separators agree
//! share a *shelf*, whatever their first words are. There the key either fits a template,
//! or becomes one, and then its neighbours decide: templates that differ only in words that
//! are values (they hold digits, or there are many of them) become one template with a
//! parameter in that place. A template's id is the hash of its constant text, so it is the
//! same in every process; when templates are merged the old ids become aliases of the new
//! one, and what was said under an old id stays said.

mod forms;
mod merge;
mod slots;
#[cfg(test)]
mod tests;

use super::mask::{Masker, WILD};
use crate::model::TemplateRow;
use forms::Forms;
use slots::Parsed;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

pub use crate::params::log::{Limits, MergeModel};

/// Says which template a message has.
pub trait Templates {
    /// The template of `message`, whose header is gone.
    fn of(&mut self, message: &str) -> Found;
    /// The id that stands for `id` now.
    fn current(&self, id: u64) -> u64;
    /// The text behind `id`, parameters as `<*>`.
    fn text(&self, id: u64) -> Option<String>;
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The template's id.
    pub id: u64,
    /// Whether no message had this template before.
    pub fresh: bool,
}

/// An id that another stands for from now on.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Alias {
    /// What it was.
    pub old: u64,
    /// What it is now.
    pub new: u64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Messages that were cut before they were masked.
    pub cut: u64,
    /// Templates that were merged into another.
    pub merged: u64,
    /// Keys that found no room for a template of their own, and went to the nearest.
    pub overflowed: u64,
}

/// A template.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Template {
    id: u64,
    parsed: Parsed,
    /// With lists as long as they were; none when they were not always.
    whole: Option<Parsed>,
    shape: u64,
    count: u64,
    /// What it was merged into.
    into: Option<u32>,
}

/// The miner of one service, or of one file.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Miner {
    model: MergeModel,
    limits: Limits,
    counts: Counts,
    bytes: usize,
    templates: Vec<Template>,
    /// Live templates by their separators.
    shelves: BTreeMap<u64, Vec<u32>>,
    ids: BTreeMap<u64, u32>,
    forms: Forms,
    changes: Vec<Alias>,
    #[serde(skip)]
    masker: Masker,
}

impl Miner {
    /// An empty miner.
    pub fn new(model: MergeModel, limits: Limits) -> Self {
        Miner { model, limits, ..Miner::default() }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Templates that stand.
    pub fn standing(&self) -> usize {
        self.shelves.values().map(Vec::len).sum()
    }

    /// The templates of the most messages.
    pub fn frequent(&self, most: usize) -> Vec<TemplateRow> {
        let live = self.shelves.values().flatten().map(|index| &self.templates[*index as usize]);
        let mut live: Vec<&Template> = live.collect();
        live.sort_unstable_by_key(|template| (std::cmp::Reverse(template.count), template.id));
        live.truncate(most);
        let row = |of: &Template| TemplateRow {
            id: of.id,
            text: self.text(of.id).unwrap_or_default().into(),
            lines: of.count,
        };
        live.into_iter().map(row).collect()
    }

    /// Aliases since the last call, in their order.
    pub fn take_changes(&mut self) -> Vec<Alias> {
        std::mem::take(&mut self.changes)
    }

    /// The template behind `index` now.
    fn live(&self, mut index: u32) -> u32 {
        while let Some(into) = self.templates[index as usize].into {
            index = into;
        }
        index
    }

    /// The template of a key that is not remembered, and whether it is a new one.
    fn learn(&mut self, message: &str, form: u64) -> (u32, bool) {
        let masked = self.masker.mask(message);
        let parsed = Parsed::of(masked.key);
        let shape = masked.shape;
        let known = self.ids.get(&form).map(|index| self.live(*index));
        if let Some(index) = known.or_else(|| self.fitting(&parsed)) {
            self.forms.insert(form, index, self.limits.forms_max);
            return (index, false);
        }
        let shelf = self.shelves.get(&parsed.separators()).map_or(0, Vec::len);
        // A merge adds one more.
        let full = self.templates.len() + 2 > self.limits.templates_max
            || self.bytes + 4 * parsed.bytes() > self.limits.bytes_max;
        let (index, fresh) = if full || shelf >= self.limits.shelf_max {
            self.counts.overflowed += 1;
            (self.nearest(&parsed), false)
        } else {
            let whole = Parsed::of(self.masker.mask_whole(message).key);
            let index = self.add(parsed, Some(whole), shape);
            (self.settle(index), true)
        };
        self.forms.insert(form, index, self.limits.forms_max);
        (index, fresh)
    }

    /// Adds a template that fits none.
    fn add(&mut self, parsed: Parsed, whole: Option<Parsed>, shape: u64) -> u32 {
        let index = self.templates.len() as u32;
        let id = xxh3_64(parsed.key());
        self.bytes += parsed.bytes() + whole.as_ref().map_or(0, Parsed::bytes);
        self.ids.insert(id, index);
        self.shelves.entry(parsed.separators()).or_default().push(index);
        self.templates.push(Template { id, parsed, whole, shape, count: 0, into: None });
        index
    }

    /// The standing template that `parsed` fits best.
    fn fitting(&self, parsed: &Parsed) -> Option<u32> {
        let shelf = self.shelves.get(&parsed.separators())?;
        let fits = shelf.iter().filter_map(|index| {
            let constants = self.templates[*index as usize].parsed.takes(parsed)?;
            Some((constants, std::cmp::Reverse(*index)))
        });
        fits.max().map(|(_, index)| index.0)
    }

    /// Where a message goes that finds no room: the template on its shelf with the fewest
    /// other words, else the one that stands for all the rest.
    fn nearest(&mut self, parsed: &Parsed) -> u32 {
        let shelf = self.shelves.get(&parsed.separators());
        let nearest = shelf.and_then(|shelf| {
            let distance = |index: &u32| self.templates[*index as usize].parsed.distance(parsed);
            shelf.iter().copied().min_by_key(distance)
        });
        nearest.unwrap_or_else(|| {
            let rest = self.ids.get(&xxh3_64(&[WILD])).copied();
            rest.unwrap_or_else(|| self.add(Parsed::of(&[WILD]), None, 0))
        })
    }
}

impl Templates for Miner {
    fn of(&mut self, message: &str) -> Found {
        let masked = self.masker.mask(message);
        self.counts.messages += 1;
        self.counts.cut += u64::from(masked.cut);
        let (form, shape) = (xxh3_64(masked.key), masked.shape);
        let (index, fresh) = match self.forms.get(form) {
            Some(index) => (self.live(index), false),
            None => self.learn(message, form),
        };
        let template = &mut self.templates[index as usize];
        template.count += 1;
        if template.shape != shape
            && let Some(whole) = template.whole.take()
        {
            self.bytes -= whole.bytes();
        }
        Found { id: template.id, fresh }
    }

    fn current(&self, id: u64) -> u64 {
        let index = self.ids.get(&id).map(|index| self.live(*index));
        index.map_or(id, |index| self.templates[index as usize].id)
    }

    fn text(&self, id: u64) -> Option<String> {
        let template = &self.templates[*self.ids.get(&id)? as usize];
        let key = template.whole.as_ref().unwrap_or(&template.parsed).key();
        let mut text = Vec::with_capacity(key.len() + 16);
        for byte in key {
            match *byte {
                WILD => text.extend_from_slice(b"<*>"),
                byte => text.push(byte),
            }
        }
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}
