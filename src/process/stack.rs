//! A stack for a process that has this one's memory.

use nix::errno::Errno;
use std::io;
use std::ptr::null_mut;

/// Below it lies a page that nobody may touch: too deep a call ends the process
/// instead of writing over what lies there.
pub(crate) struct Stack {
    start: *mut libc::c_void,
    length: usize,
}

/// Also where pages are larger than elsewhere.
const GUARD: usize = 64 << 10;

impl Stack {
    /// `size` in bytes, of which only those are taken that are used.
    ///
    /// # Errors
    /// As mmap(2) and mprotect(2).
    pub fn new(size: usize) -> io::Result<Self> {
        let length = size + GUARD;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: memory of its own, wherever the kernel has room.
        let start = unsafe { libc::mmap(null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last().into());
        }
        let stack = Stack { start, length };
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: within the memory just made, which nothing else has.
        let open = unsafe { libc::mprotect(start.byte_add(GUARD), size, rights) };
        Errno::result(open)?;
        Ok(stack)
    }

    /// What may be written to, all zero at first.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: mapped, readable and writable as long as this value lives.
        unsafe {
            let usable = self.start.byte_add(GUARD).cast::<u8>();
            std::slice::from_raw_parts_mut(usable, self.length - GUARD)
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and borrowed by nobody any more.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_writable_to_its_end_and_not_beyond() {
        let mut stack = Stack::new(1 << 16).unwrap();
        let bytes = stack.bytes();
        assert_eq!(bytes.len(), 1 << 16);
        bytes.fill(7);
        let end = bytes.as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let guard = maps.lines().find(|line| {
            let range = line
                .split(' ')
                .next()
                .and_then(|range| range.split_once('-'));
            let number = |text| usize::from_str_radix(text, 16).unwrap();
            range.is_some_and(|(from, to)| (number(from)..number(to)).contains(&(end - 1)))
        });
        assert!(guard.unwrap().contains(" ---p "), "{guard:?}");
    }
}
