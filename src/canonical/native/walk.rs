//! A walk over a JSON text along its structure, checking what the tape would check.

/// What a value that is no string is.
pub(super) enum Value {
    /// An integer of 64 bits.
    Integer(i64),
    /// A number that is no integer of 64 bits as it stands.
    Fraction,
    /// `null`.
    Null,
    /// A truth value, an object or an array.
    Other,
}

/// A walk over a text along its structure.
pub(super) struct Walk<'a, 'm> {
    /// The text.
    pub(super) text: &'a str,
    /// Where its structure is.
    pub(super) marks: &'m [u32],
    /// The current mark.
    pub(super) at: usize,
}

/// Where an object is.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// The mark of the opening bracket.
    pub(super) mark: u32,
    /// Its byte.
    pub(super) start: u32,
    /// Behind the closing bracket.
    pub(super) end: u32,
}

impl<'a> Walk<'a, '_> {
    /// The byte at the current mark.
    #[inline]
    pub(super) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(*self.marks.get(self.at)? as usize).copied()
    }

    /// Where the string at the current mark begins and ends; goes on behind it.
    #[inline]
    pub(super) fn bounds(&mut self) -> Option<(u32, u32)> {
        let (open, next) = (*self.marks.get(self.at)?, *self.marks.get(self.at + 1)?);
        self.at += 1;
        let bytes = self.text.as_bytes();
        let mut end = next as usize - 1;
        // Between the closing quote and the next mark is only white space.
        while *bytes.get(end)? != b'"' {
            end -= 1;
        }
        (end > open as usize).then_some((open + 1, end as u32))
    }

    /// Whether it is just behind `span`.
    #[inline]
    pub(super) fn is_behind(&self, span: &Span) -> bool {
        self.at.checked_sub(1).and_then(|last| self.marks.get(last)) == Some(&(span.end - 1))
    }

    /// The string at the current mark.
    #[inline]
    pub(super) fn string(&mut self) -> Option<&'a str> {
        if self.byte()? != b'"' {
            return None;
        }
        let (start, end) = self.bounds()?;
        self.text.get(start as usize..end as usize)
    }

    /// The members of the object at the current mark; `each` must go behind the value.
    #[inline]
    pub(super) fn members(
        &mut self,
        keys_max: usize,
        mut each: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        if self.byte()? != b'{' {
            return None;
        }
        self.at += 1;
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        for _ in 0..keys_max {
            let key = self.string()?;
            if self.byte()? != b':' {
                return None;
            }
            self.at += 1;
            each(self, key)?;
            let after = self.byte()?;
            self.at += 1;
            match after {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
        None
    }

    /// Goes behind the object at the current mark, if nothing is nested in it; what is in it
    /// is left to whoever takes it apart.
    #[inline]
    pub(super) fn flat(&mut self) -> Option<Span> {
        let (mark, start) = (self.at as u32, *self.marks.get(self.at)?);
        let bytes = self.text.as_bytes();
        if self.byte()? != b'{' {
            return None;
        }
        for place in self.marks.get(self.at + 1..)? {
            self.at += 1;
            match bytes.get(*place as usize)? {
                b'}' => {
                    self.at += 1;
                    return Some(Span { mark, start, end: place + 1 });
                }
                b'{' | b'[' => return None,
                _ => {}
            }
        }
        None
    }

    /// Goes behind the value at the current mark, whatever it is.
    #[inline]
    pub(super) fn skip(&mut self) -> Option<()> {
        if self.byte()? == b'"' {
            self.bounds()?;
            return Some(());
        }
        self.value()?;
        Some(())
    }

    /// The value at the current mark, which is no string; goes behind it.
    pub(super) fn value(&mut self) -> Option<Value> {
        match self.byte()? {
            b'{' | b'[' => {
                self.nested()?;
                Some(Value::Other)
            }
            _ => self.bare(),
        }
    }

    /// The number at the current mark, or nothing for `null`; goes behind it.
    #[inline]
    pub(super) fn number(&mut self) -> Option<Option<f64>> {
        let start = *self.marks.get(self.at)? as usize;
        match self.value()? {
            Value::Integer(number) => Some(Some(number as f64)),
            Value::Fraction => {
                let end = *self.marks.get(self.at)? as usize;
                self.text.get(start..end)?.trim_ascii_end().parse().ok().map(Some)
            }
            Value::Null => Some(None),
            Value::Other => None,
        }
    }

    /// The truth value at the current mark, or nothing for `null`; goes behind it.
    pub(super) fn bool(&mut self) -> Option<Option<bool>> {
        let given = match self.byte()? {
            b't' => Some(true),
            b'f' => Some(false),
            b'n' => None,
            _ => return None,
        };
        self.bare().map(|_| given)
    }

    /// A number, a truth value or `null`.
    fn bare(&mut self) -> Option<Value> {
        let (start, next) = (*self.marks.get(self.at)?, *self.marks.get(self.at + 1)?);
        self.at += 1;
        let token = self.text.get(start as usize..next as usize)?;
        match token.trim_ascii_end() {
            "true" | "false" => Some(Value::Other),
            "null" => Some(Value::Null),
            number => bare_number(number),
        }
    }

    /// Goes behind an object or an array, checking what the tape would check.
    fn nested(&mut self) -> Option<()> {
        // One bit a level, set for an object; deeper than the bits is the tape's business.
        const LEVELS: u32 = 32;
        let (mut objects, mut depth) = (0u64, 0u32);
        loop {
            let open = self.byte()?;
            let opened = match open {
                b'{' | b'[' => {
                    depth += 1;
                    objects = objects << 1 | u64::from(open == b'{');
                    self.at += 1;
                    self.byte()? != open + 2
                }
                b'"' => {
                    self.bounds()?;
                    false
                }
                _ => {
                    self.bare()?;
                    false
                }
            };
            if depth > LEVELS {
                return None;
            }
            if opened {
                self.key_of(objects)?;
                continue;
            }
            // A value has ended: close what it was the last of.
            loop {
                let close = if objects & 1 == 1 { b'}' } else { b']' };
                let byte = self.byte()?;
                self.at += 1;
                if byte == b',' {
                    self.key_of(objects)?;
                    break;
                }
                if byte != close {
                    return None;
                }
                objects >>= 1;
                depth -= 1;
                if depth == 0 {
                    return Some(());
                }
            }
        }
    }

    /// Goes behind the key and its colon when inside an object.
    fn key_of(&mut self, objects: u64) -> Option<()> {
        if objects & 1 == 0 {
            return Some(());
        }
        self.string()?;
        if self.byte()? != b':' {
            return None;
        }
        self.at += 1;
        Some(())
    }
}

/// Reads an integer; a fraction is only checked. Numbers that might not fit are left to the tape.
fn bare_number(token: &str) -> Option<Value> {
    let digits = token.strip_prefix('-').unwrap_or(token).as_bytes();
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 19 || (digits[0] == b'0' && count > 1) {
        return None;
    }
    if count == digits.len() {
        return token.parse().ok().map(Value::Integer);
    }
    let mut rest = &digits[count..];
    if let Some(after) = rest.strip_prefix(b".") {
        let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = &after[count..];
        if count == 0 {
            return None;
        }
    }
    // Exponents are rare, and some are beyond a double.
    rest.is_empty().then_some(Value::Fraction)
}
