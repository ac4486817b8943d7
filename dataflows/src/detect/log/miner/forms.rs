//! Keys that were seen, and the templates they led to.

use hashbrown::HashTable;

/// Two generations of keys; the older is forgotten when the younger is full.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub(super) struct Forms {
    young: Generation,
    old: Generation,
}

/// Keys in their order, and a table of places in it.
#[derive(Clone, Debug, Default)]
struct Generation {
    entries: Vec<(u64, u32)>,
    places: HashTable<u32>,
}

/// What a snapshot holds: the tables follow from the entries.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Saved {
    young: Vec<(u64, u32)>,
    old: Vec<(u64, u32)>,
}

impl Forms {
    /// The template that `form` led to.
    pub(super) fn get(&mut self, form: u64) -> Option<u32> {
        if let Some(template) = self.young.get(form) {
            return Some(template);
        }
        self.old.get(form)
    }

    /// Remembers it, within `most` keys.
    pub(super) fn insert(&mut self, form: u64, template: u32, most: usize) {
        if self.young.entries.len() >= most.max(2) / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(form, template);
    }
}

impl Generation {
    fn get(&self, form: u64) -> Option<u32> {
        let place = self.places.find(form, |place| self.entries[*place as usize].0 == form)?;
        Some(self.entries[*place as usize].1)
    }

    fn insert(&mut self, form: u64, template: u32) {
        let place = self.entries.len() as u32;
        self.entries.push((form, template));
        let entries = &self.entries;
        self.places.insert_unique(form, place, |place| entries[*place as usize].0);
    }
}

impl From<Vec<(u64, u32)>> for Generation {
    fn from(entries: Vec<(u64, u32)>) -> Self {
        let mut generation = Generation::default();
        for (form, template) in entries {
            generation.insert(form, template);
        }
        generation
    }
}

impl From<Saved> for Forms {
    fn from(saved: Saved) -> Self {
        Forms { young: saved.young.into(), old: saved.old.into() }
    }
}

impl From<Forms> for Saved {
    fn from(forms: Forms) -> Self {
        Saved { young: forms.young.entries, old: forms.old.entries }
    }
}
