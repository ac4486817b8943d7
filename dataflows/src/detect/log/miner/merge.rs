//! When templates become one.

use super::slots::{Kind, Parsed};
use super::{Alias, Miner};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

impl Miner {
    /// Merges what the new template `index` makes alike, and says what it became.
    pub(super) fn settle(&mut self, mut index: u32) -> u32 {
        // Each round leaves fewer templates.
        while let Some((group, places)) = self.alike(index) {
            index = self.merge(&group, &places);
        }
        index
    }

    /// Templates that are one with `index`, and the places that become parameters.
    fn alike(&self, index: u32) -> Option<(Vec<u32>, Vec<(usize, Kind)>)> {
        let own = &self.templates[index as usize].parsed;
        let shelf = self.shelves.get(&own.separators())?;
        let mut differing: BTreeMap<Vec<usize>, Vec<u32>> = BTreeMap::new();
        for &other in shelf.iter().filter(|other| **other != index) {
            let parsed = &self.templates[other as usize].parsed;
            let Some(places) = differences(own, parsed, 8) else { continue };
            let soft = |place: &usize| own.slots()[*place].is_alike(&parsed.slots()[*place]);
            if places.iter().all(soft) && constants(own, &places) > 0 {
                let open =
                    places.iter().map(|place| (*place, self.softness(&[index, other], *place)));
                return Some((vec![index, other], open.collect()));
            }
            if places.len() <= self.model.places_max
                && constants(own, &places) >= places.len().max(1)
            {
                differing.entry(places).or_default().push(other);
            }
        }
        for (places, others) in &differing {
            let mut group = vec![index];
            group.extend(others);
            // Those that differ in some of these places only belong to it as well.
            for (fewer, more) in &differing {
                if fewer != places && fewer.iter().all(|place| places.contains(place)) {
                    group.extend(more);
                }
            }
            group.sort_unstable();
            if places.iter().all(|place| self.is_parameter(&group, *place, places.len())) {
                let open = places.iter().map(|place| (*place, Kind::Open)).collect();
                return Some((group, open));
            }
        }
        None
    }

    fn softness(&self, group: &[u32], place: usize) -> Kind {
        let open =
            |index: &u32| self.templates[*index as usize].parsed.slots()[place].kind == Kind::Open;
        if group.iter().any(open) { Kind::Open } else { Kind::Wild }
    }

    /// Whether the words of `group` at `place` are so many that they are values.
    fn is_parameter(&self, group: &[u32], place: usize, places: usize) -> bool {
        let slot = |index: &u32| self.templates[*index as usize].parsed.slots()[place];
        let mut words: Vec<u64> = group.iter().map(|index| slot(index).hash).collect();
        words.sort_unstable();
        words.dedup();
        let slots: Vec<_> = group.iter().map(slot).collect();
        let numbers = slots.iter().any(super::slots::Slot::is_soft);
        let capitals = slots.iter().all(|slot| slot.kind == Kind::Capitals);
        let model = &self.model;
        let mixed = slots.iter().all(|slot| slot.kind == Kind::Mixed);
        let least = if mixed {
            model.mixed_min
        } else if capitals {
            model.capitals_min
        } else if numbers {
            model.beside_numbers_min
        } else if slots[0].named {
            model.named_min
        } else if slots[0].value {
            model.values_min
        } else if place == 0 {
            model.first_words_min
        } else if places > 1 {
            model.several_min
        } else {
            model.words_min
        };
        words.len() >= least
    }

    /// Makes one of `group`.
    fn merge(&mut self, group: &[u32], places: &[(usize, Kind)]) -> u32 {
        let first = &self.templates[group[0] as usize];
        let parsed = first.parsed.opened(places);
        let shape = first.shape;
        let whole = self.merged_whole(group);
        let id = xxh3_64(parsed.key());
        let into = match self.ids.get(&id) {
            Some(&index) => self.live(index),
            None => self.add(parsed.clone(), whole, shape),
        };
        let shelf = self.shelves.get(&parsed.separators()).cloned().unwrap_or_default();
        // Whatever fits the merged template now goes with the group.
        let taken = |index: &u32| {
            group.contains(index) || parsed.takes(&self.templates[*index as usize].parsed).is_some()
        };
        let gone: Vec<u32> =
            shelf.into_iter().filter(|index| *index != into && taken(index)).collect();
        let new = self.templates[into as usize].id;
        for &index in &gone {
            let old = &mut self.templates[index as usize];
            let before = old.parsed.bytes() + old.whole.as_ref().map_or(0, Parsed::bytes);
            old.parsed.forget_slots();
            old.whole = None;
            old.into = Some(into);
            let count = old.count;
            self.bytes -= before - old.parsed.bytes();
            self.changes.push(Alias { old: old.id, new });
            self.counts.merged += 1;
            self.templates[into as usize].count += count;
        }
        if let Some(shelf) = self.shelves.get_mut(&parsed.separators()) {
            shelf.retain(|index| !gone.contains(index));
        }
        into
    }

    /// The text with whole lists, when all of `group` have lists of one length.
    fn merged_whole(&self, group: &[u32]) -> Option<Parsed> {
        let mut wholes = group.iter().map(|index| self.templates[*index as usize].whole.as_ref());
        let mut merged = wholes.next()??.clone();
        for whole in wholes {
            let places = differences(&merged, whole?, super::slots::SLOTS_MAX)?;
            let open: Vec<_> = places.into_iter().map(|place| (place, Kind::Wild)).collect();
            merged = merged.opened(&open);
        }
        Some(merged)
    }
}

/// The places in which two templates differ, when they are at most `most`.
fn differences(own: &Parsed, other: &Parsed, most: usize) -> Option<Vec<usize>> {
    if own.separators() != other.separators() || own.slots().len() != other.slots().len() {
        return None;
    }
    let mut places = Vec::new();
    for (place, (a, b)) in own.slots().iter().zip(other.slots()).enumerate() {
        if a.hash != b.hash {
            if places.len() == most {
                return None;
            }
            places.push(place);
        }
    }
    Some(places)
}

/// Words that two templates which differ at `places` have in common.
fn constants(own: &Parsed, places: &[usize]) -> usize {
    let slots = own.slots().iter().enumerate();
    slots.filter(|(place, slot)| !slot.is_soft() && !places.contains(place)).count()
}
