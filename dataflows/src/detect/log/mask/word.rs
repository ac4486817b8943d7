//! Whether a word of a message is a parameter.

use super::{class, class_of, is_word};

/// What becomes of a word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It stays.
    Literal,
    /// It is a parameter.
    Wild,
    /// From here on it is one.
    Tail(usize),
}

/// A word and what was counted in it; trailing joints are left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    start: usize,
    pub(super) end: usize,
    letters: usize,
    digits: usize,
    /// Runs of digits.
    groups: usize,
    first_digit: usize,
    slashes: usize,
    backslashes: usize,
    dots: usize,
    /// All letters are digits of hexadecimal.
    hex: bool,
    upper: bool,
    url: bool,
}

impl Word {
    /// The word that begins at `start`.
    pub(super) fn scan(bytes: &[u8], start: usize) -> Word {
        let mut word = Word {
            start,
            end: start,
            letters: 0,
            digits: 0,
            groups: 0,
            first_digit: start,
            slashes: 0,
            backslashes: 0,
            dots: 0,
            hex: true,
            upper: false,
            url: false,
        };
        if bytes[start].is_ascii_hexdigit()
            && let Some(end) = colon_groups(bytes, start)
        {
            return Word { end, digits: end - start, groups: 1, ..word };
        }
        let mut at = start;
        while at < bytes.len() {
            let byte = bytes[at];
            if is_word(byte) {
                word.count(bytes, at, byte);
                at += 1;
            } else if byte == b':' && word.colon(bytes, at) {
                if word.url {
                    word.end = url_end(bytes, at);
                    return word;
                }
                at += 1;
            } else {
                break;
            }
        }
        word.end = at;
        word.trim(bytes);
        word
    }

    fn count(&mut self, bytes: &[u8], at: usize, byte: u8) {
        match class_of(byte) {
            class::DIGIT => {
                if self.digits == 0 {
                    self.first_digit = at;
                }
                if at == self.start || class_of(bytes[at - 1]) != class::DIGIT {
                    self.groups += 1;
                }
                self.digits += 1;
            }
            class::LETTER => {
                self.letters += 1;
                self.hex &= byte.is_ascii_hexdigit();
                self.upper |= byte.is_ascii_uppercase();
            }
            _ => match byte {
                b'/' => self.slashes += 1,
                b'\\' => self.backslashes += 1,
                b'.' => self.dots += 1,
                _ => {}
            },
        }
    }

    /// Whether the colon at `at` is inside the word: in times and ports, drives and URLs.
    fn colon(&mut self, bytes: &[u8], at: usize) -> bool {
        let rest = &bytes[at + 1..];
        let next = rest.first().copied().unwrap_or(b' ');
        if self.letters > 1 && self.digits == 0 && self.slashes == 0 && rest.starts_with(b"//") {
            self.url = true;
            return true;
        }
        if self.letters == 1 && at == self.start + 1 {
            return next == b'\\' || next == b'/';
        }
        self.letters == 0 && next.is_ascii_digit() && bytes[at - 1].is_ascii_digit()
    }

    /// Gives back what closes a sentence; a path keeps its slash.
    fn trim(&mut self, bytes: &[u8]) {
        while self.end > self.start + 1 {
            match bytes[self.end - 1] {
                b'.' | b'-' | b'_' | b'~' | b'$' => self.end -= 1,
                b'/' | b'\\' if self.slashes + self.backslashes == 1 && self.digits == 0 => {
                    self.end -= 1;
                }
                _ => break,
            }
        }
    }

    /// Whether the word is a parameter.
    pub(super) fn verdict(&self, bytes: &[u8]) -> Verdict {
        if self.url {
            return Verdict::Wild;
        }
        let text = &bytes[self.start..self.end];
        let before = if self.start == 0 { b' ' } else { bytes[self.start - 1] };
        if self.is_path(text, before) || is_host(text, self.dots, self.upper) {
            return Verdict::Wild;
        }
        if self.digits == 0 {
            let hexadecimal = self.hex && self.letters >= 8 && self.letters == text.len();
            return if hexadecimal { Verdict::Wild } else { Verdict::Literal };
        }
        let first = text[0];
        let signed = matches!(first, b'-' | b'.' | b'%' | b'$') && text.len() > 1;
        if self.letters == 0 || first.is_ascii_digit() || (signed && text[1].is_ascii_digit()) {
            return self.numeric(bytes, text);
        }
        if self.hex && self.letters + self.digits >= 6 {
            return Verdict::Wild;
        }
        self.mixed(bytes)
    }

    /// A word without letters, or one that begins with a digit.
    fn numeric(&self, bytes: &[u8], text: &[u8]) -> Verdict {
        // Leaders, as in `depth.......3` with a space before the dots, stay.
        let lead = text.iter().take_while(|byte| matches!(byte, b'.' | b'_')).count();
        if lead > 1 && bytes[self.start + lead].is_ascii_digit() {
            return Verdict::Tail(self.start + lead);
        }
        Verdict::Wild
    }

    fn is_path(&self, text: &[u8], before: u8) -> bool {
        let named = |at: usize| {
            text.get(at).is_some_and(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'/')
            })
        };
        match text[0] {
            b'/' => before != b'<' && named(1) && self.letters + self.digits > 0,
            b'\\' => self.letters + self.digits > 0,
            b'~' | b'.' if self.slashes > 0 => {
                text.contains(&b'/') && self.letters + self.digits > 0
            }
            _ => {
                self.backslashes > 0
                    || self.slashes > 2
                    || (self.slashes > 0 && self.dots > 0 && self.letters > 0 && self.digits == 0)
                    || (self.slashes == 2 && (self.dots > 0 || self.digits > 2))
            }
        }
    }

    /// A word with letters and digits that begins with a letter.
    fn mixed(&self, bytes: &[u8]) -> Verdict {
        let is_joint = |at: &usize| class_of(bytes[*at]) == class::JOINT;
        let part = (self.start..self.first_digit).rev().find(is_joint);
        let part = part.map_or(self.start, |joint| joint + 1);
        if part == self.first_digit {
            // A name, then numbers: only the numbers are the parameter.
            let tail = &bytes[part..self.end];
            let letters = tail.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
            let digits = tail.iter().filter(|byte| byte.is_ascii_digit()).count();
            if letters <= 3 || digits > letters {
                return Verdict::Tail(self.number_start(bytes, part));
            }
        }
        if self.groups == 1 && self.digits <= 2 { Verdict::Literal } else { Verdict::Wild }
    }

    /// Where the number that follows a name begins, its sign included.
    fn number_start(&self, bytes: &[u8], part: usize) -> usize {
        let signed = part >= self.start + 2
            && bytes[part - 1] == b'-'
            && class_of(bytes[part - 2]) == class::JOINT;
        if signed { part - 1 } else { part }
    }
}

/// The end of an address of groups between colons that begins here, if one does.
fn colon_groups(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut colons, mut group) = (start, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b':' => {
                colons += 1;
                group = 0;
            }
            byte if byte.is_ascii_hexdigit() => {
                group += 1;
                if group > 4 {
                    return None;
                }
            }
            byte if is_word(byte) && byte != b'%' && byte != b'.' && byte != b'/' => return None,
            _ => break,
        }
        at += 1;
    }
    while at > start && bytes[at - 1] == b':' {
        at -= 1;
        colons -= 1;
    }
    (colons >= 3).then_some(at)
}

/// The end of an address that begins with two colons, such as `::1`, if one begins here.
pub(super) fn short_address(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = &bytes[start..];
    let inside = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(**byte, b':' | b'.');
    let mut length = rest.iter().take_while(inside).count();
    while matches!(rest.get(length.wrapping_sub(1)), Some(b':' | b'.')) {
        length -= 1;
    }
    let ends = rest.get(length).is_none_or(|byte| !is_word(*byte));
    let digits = rest[..length].iter().any(u8::is_ascii_digit);
    (rest.starts_with(b"::") && ends && digits).then_some(start + length)
}

fn url_end(bytes: &[u8], from: usize) -> usize {
    let closes = |byte: &u8| *byte <= b' ' || matches!(*byte, b'"' | b'\'' | b'<' | b'>' | b'`');
    let length = bytes[from..].iter().position(closes).unwrap_or(bytes.len() - from);
    let mut end = from + length;
    while end > from + 3 && matches!(bytes[end - 1], b',' | b'.' | b';' | b')' | b']' | b'}' | b':')
    {
        end -= 1;
    }
    end
}

/// Ends of host names; two letters count where three labels or a digit say that it is one.
const DOMAINS: [&[u8]; 14] = [
    b"com",
    b"net",
    b"org",
    b"edu",
    b"gov",
    b"mil",
    b"int",
    b"info",
    b"biz",
    b"local",
    b"localdomain",
    b"lan",
    b"internal",
    b"arpa",
];

fn is_host(text: &[u8], dots: usize, upper: bool) -> bool {
    if dots == 0 {
        return false;
    }
    let mut labels = 0;
    let (mut first, mut last): (&[u8], &[u8]) = (b"", b"");
    for label in text.split(|byte| *byte == b'.') {
        let named =
            label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(*byte, b'-' | b'_'));
        if label.is_empty() || !named {
            return false;
        }
        if labels == 0 {
            first = label;
        }
        last = label;
        labels += 1;
    }
    // Names of packages are domains written backwards.
    if matches!(first, b"com" | b"org" | b"net" | b"edu" | b"java" | b"android") {
        return false;
    }
    if upper {
        return matches!(last, b"com" | b"net" | b"org" | b"local" | b"lan");
    }
    let country = last.len() == 2 && last.iter().all(u8::is_ascii_lowercase) && labels >= 3;
    country || DOMAINS.contains(&last)
}

const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// The end of the names in a date such as `Mon Jul  4` that begins with the word `at..end`;
/// the number that must follow is left to be masked.
pub(super) fn date(bytes: &[u8], at: usize, end: usize) -> Option<usize> {
    if end - at != 3 || !bytes[at].is_ascii_uppercase() {
        return None;
    }
    let skip = |from: usize| {
        let blank = |byte: &&u8| matches!(**byte, b' ' | b',');
        from + bytes[from..].iter().take_while(blank).count()
    };
    let number = |from: usize| bytes.get(from).is_some_and(u8::is_ascii_digit);
    let name = &bytes[at..end];
    let next = skip(end);
    if MONTHS.contains(&name) {
        return (next > end && number(next)).then_some(next);
    }
    if !DAYS.contains(&name) {
        return None;
    }
    if number(next) {
        return Some(next);
    }
    let month = bytes.get(next..next + 3)?;
    let day = skip(next + 3);
    (MONTHS.contains(&month) && day > next + 3 && number(day)).then_some(day)
}

/// The end of a size's unit that follows a number after a space, else `end` itself.
pub(super) fn unit(bytes: &[u8], end: usize) -> usize {
    let Some(rest) = bytes.get(end..) else { return end };
    let [b' ', b'K' | b'M' | b'G' | b'T' | b'P', tail @ ..] = rest else { return end };
    let length = if tail.starts_with(b"iB") {
        4
    } else if tail.starts_with(b"B") {
        3
    } else {
        return end;
    };
    let closed = rest.get(length).is_none_or(|byte| !is_word(*byte));
    if closed { end + length } else { end }
}

/// The end of a bound such as `<1 sec` that begins here, if one does.
pub(super) fn under(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at + 1..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let tail = &rest[digits..];
    let tail = tail.strip_prefix(b" ").unwrap_or(tail);
    let letters = tail.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let units: [&[u8]; 10] =
        [b"s", b"sec", b"secs", b"second", b"seconds", b"ms", b"us", b"ns", b"min", b"minutes"];
    units.contains(&&tail[..letters]).then(|| bytes.len() - tail.len() + letters)
}
