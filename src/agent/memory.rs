//! An agent is idle nearly always: what a start or a build needed of memory goes
//! back to the kernel, and comes again page by page where it is used.

/// Gives back what the allocator holds free, and the pages of the program itself.
///
/// The kernel maps code in pieces of 64 KiB around each page that is touched, and
/// the relocations are read once from end to end: most of what is resident after a
/// start is never looked at again.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: only memory that is free is given back; it may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
    // SAFETY: `forget_pages` keeps nothing of what it is shown, and needs no data.
    unsafe {
        libc::dl_iterate_phdr(Some(forget_pages), std::ptr::null_mut());
    }
}

/// Called with the program first: that is all that is wanted.
///
/// # Safety
/// `info` describes a loaded object, as `dl_iterate_phdr` gives it.
unsafe extern "C" fn forget_pages(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: it is valid during this call.
    let info = unsafe { &*info };
    // SAFETY: so are its headers, of which there are as many as it says.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    // Neither written nor relocated: the file has what is in these pages.
    let of_the_file = |header: &&libc::Elf64_Phdr| {
        header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    };
    for header in headers.iter().filter(of_the_file) {
        forget(info.dlpi_addr + header.p_vaddr, header.p_memsz);
    }
    1
}

/// Drops the whole pages of a mapping of the program's file.
fn forget(address: u64, length: u64) {
    let page = page_size();
    let start = address.next_multiple_of(page);
    let end = (address + length) / page * page;
    let (Ok(start), Ok(length)) = (
        usize::try_from(start),
        usize::try_from(end.saturating_sub(start)),
    ) else {
        return;
    };
    // SAFETY: the pages are mapped from the program's file and never written: what
    // is dropped is read from there again. Where the kernel refuses, nothing changes.
    unsafe {
        libc::madvise(
            std::ptr::with_exposed_provenance_mut(start),
            length,
            libc::MADV_DONTNEED,
        );
    }
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    let size = size
        .ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok());
    size.unwrap_or(1 << 16) // the largest there is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_on_after_its_pages_were_given_back() {
        let before: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        give_back();
        let after: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        assert_eq!(before, after);
    }
}
