//! Levels as loggers spell them.

/// How a level was written, which says how much it proves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spelling {
    /// `ERROR`, or any case in brackets.
    Plain,
    /// `Info`, `error`: a level only where a column is.
    Loose,
    /// `E`.
    Letter,
}

const NAMES: [&[u8]; 30] = [
    b"trace",
    b"debug",
    b"info",
    b"notice",
    b"warn",
    b"warning",
    b"error",
    b"err",
    b"critical",
    b"crit",
    b"fatal",
    b"severe",
    b"alert",
    b"emerg",
    b"emergency",
    b"verbose",
    b"fine",
    b"finer",
    b"finest",
    b"config",
    b"failure",
    b"panic",
    b"log",
    b"dbg",
    b"inf",
    b"wrn",
    b"ftl",
    b"trc",
    b"information",
    b"informational",
];

/// The level that `token` is, brackets and a closing colon or comma aside.
pub(super) fn level(token: &[u8]) -> Option<Spelling> {
    let token = match token {
        [rest @ .., b':' | b','] => rest,
        all => all,
    };
    let (name, bracketed) = match token {
        [b'[', inner @ .., b']'] | [b'<', inner @ .., b'>'] | [b'(', inner @ .., b')'] => {
            (inner, true)
        }
        all => (all, false),
    };
    if let [b'T' | b'V' | b'D' | b'I' | b'N' | b'W' | b'E' | b'C' | b'F'] = name {
        return Some(if bracketed { Spelling::Plain } else { Spelling::Letter });
    }
    if name.len() < 3 || name.len() > NAME_BYTES_MAX {
        return None;
    }
    if !NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        // `[core:error]`, as Apache has it.
        let inner = bracketed.then(|| name.iter().rposition(|byte| *byte == b':')).flatten()?;
        return level(&name[inner + 1..])
            .filter(|found| *found != Spelling::Letter)
            .map(|_| Spelling::Plain);
    }
    let upper = name.iter().all(u8::is_ascii_uppercase);
    Some(if upper || bracketed { Spelling::Plain } else { Spelling::Loose })
}

/// The longest token that is looked at.
const NAME_BYTES_MAX: usize = 32;
