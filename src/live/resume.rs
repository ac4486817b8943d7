//! Going on in files where the journal says that they had been read.

use crate::canonical::Framing;
use crate::ingest::chunk::Chunk;
use crate::ingest::reached::Reached;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// How far one source had read each file; what lies behind is read again and left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Resume(BTreeMap<SmolStr, Reached>);

impl Resume {
    /// After what was `reached`, by partition.
    pub(super) fn after(reached: BTreeMap<SmolStr, Reached>) -> Resume {
        Resume(reached)
    }

    /// The part of a chunk that was not taken before, if any was not.
    pub(super) fn rest(&mut self, mut chunk: Chunk) -> Option<Chunk> {
        let (Some(partition), Some(offset)) = (&chunk.origin.partition, chunk.origin.offset) else {
            return Some(chunk);
        };
        let Some(reached) = self.0.get(partition).copied() else { return Some(chunk) };
        let is_other = offset == 0 && !reached.beginning.fits(&chunk.bytes);
        if is_other || offset >= reached.offset {
            // Another file has the name by now, or all that was taken has been left out.
            self.0.remove(partition);
            return Some(chunk);
        }
        let known = (reached.offset - offset) as usize;
        if known >= chunk.bytes.len() {
            return None;
        }
        if chunk.framing == Framing::Lines {
            let lines = (reached.lines + 1).saturating_sub(chunk.first_line);
            chunk.bytes.drain(..known);
            chunk.cut.retain(|cut| cut.line > reached.lines);
            chunk.first_line += lines;
            chunk.origin.offset = Some(reached.offset);
        }
        self.0.remove(partition);
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Origin;
    use crate::ingest::reached::Beginning;

    fn chunk(offset: u64, first_line: u64, text: &str) -> Chunk {
        let partition = Some("a.ndjson".into());
        let origin = Origin { partition, offset: Some(offset), ..Origin::default() };
        let bytes = text.as_bytes().to_vec();
        Chunk { origin, first_line, framing: Framing::Lines, bytes, cut: Vec::new() }
    }

    /// After some lines, of which the first came in a chunk of its own.
    fn resume(lines: u64, taken: &str) -> Resume {
        let beginning = Beginning::of(taken.lines().next().unwrap().as_bytes());
        let reached = Reached { offset: taken.len() as u64, lines, beginning };
        Resume(BTreeMap::from([("a.ndjson".into(), reached)]))
    }

    fn rest(resume: &mut Resume, chunk: Chunk) -> Option<(u64, u64, String)> {
        let rest = resume.rest(chunk)?;
        let text = String::from_utf8(rest.bytes).unwrap();
        Some((rest.origin.offset.unwrap(), rest.first_line, text))
    }

    #[test]
    fn what_was_taken_is_left_out_to_the_byte() {
        let mut known = resume(2, "one\ntwo\n");
        assert_eq!(rest(&mut known, chunk(0, 1, "one\n")), None);
        let second = rest(&mut known, chunk(4, 2, "two\nthree\n"));
        assert_eq!(second, Some((8, 3, "three\n".to_owned())));
        let third = rest(&mut known, chunk(14, 4, "four\n"));
        assert_eq!(third, Some((14, 4, "four\n".to_owned())));
    }

    #[test]
    fn another_file_of_the_same_name_is_read_whole() {
        let mut known = resume(2, "one\ntwo\n");
        let all = rest(&mut known, chunk(0, 1, "uno\ndue\n"));
        assert_eq!(all, Some((0, 1, "uno\ndue\n".to_owned())));
        let shorter = rest(&mut resume(2, "one\ntwo\n"), chunk(0, 1, "on"));
        assert_eq!(shorter, Some((0, 1, "on".to_owned())));
    }
}
