//! File-system steps relative to a folder's descriptor, following no link:
//! what is walked here was written by a build.

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstatat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fs, io};

/// How many folders an object may have inside each other, itself among them:
/// each is an open descriptor while it is walked. Whatever makes objects keeps to it.
pub(crate) const DEPTH_MAX: usize = 128;

/// Of a folder that is used again.
const TIME: TimeSpec = TimeSpec::new(1, 0);

/// What kind of file a mode says.
pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// The status of an entry itself, a link not followed.
pub(super) fn stat_at(folder: impl AsFd, name: &OsStr) -> Result<FileStat, Errno> {
    fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// Opens a file for reading, never through a link and never waiting for a pipe's other end.
pub(super) fn open_file(folder: impl AsFd, name: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
    let always = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    openat(folder, name, always | flags, Mode::empty())
}

/// Opens a folder, never through a link.
pub(super) fn open_dir(folder: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    open_file(folder, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
}

/// Sets the mode of an entry that is no link.
pub(super) fn chmod_at(folder: impl AsFd, name: &OsStr, mode: u32) -> Result<(), Errno> {
    let mode = Mode::from_bits_truncate(mode);
    fchmodat(folder, name, mode, FchmodatFlags::NoFollowSymlink)
}

/// The names in a folder that was just opened, sorted by their bytes. Asked for by
/// `getdents64` itself: the C library looks at the descriptor four times around it.
pub(super) fn names(folder: impl AsFd) -> Result<Vec<OsString>, Errno> {
    let fd = folder.as_fd().as_raw_fd();
    let (mut entries, mut names) = ([0; ENTRIES], Vec::new());
    loop {
        // SAFETY: the kernel writes no more than the length given with the buffer.
        let read = unsafe {
            let buffer = entries.as_mut_ptr();
            libc::syscall(libc::SYS_getdents64, fd, buffer, entries.len())
        };
        let read = usize::try_from(Errno::result(read)?).unwrap_or(0);
        let mut left = entries.get(..read).unwrap_or(&[]);
        if left.is_empty() {
            names.sort();
            return Ok(names);
        }
        while let Some((name, rest)) = entry(left) {
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
            left = rest;
        }
    }
}

/// Bytes of entries asked for at a time.
const ENTRIES: usize = 16 << 10;

/// The name of the first entry as `getdents64` gives them, and the others: two numbers
/// of 64 bits, the entry's length in 16, its kind in 8, the name and a zero.
fn entry(entries: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = entries.get(16..18)?.try_into().ok()?;
    let (entry, rest) = entries.split_at_checked(u16::from_ne_bytes(length).into())?;
    let name = CStr::from_bytes_until_nul(entry.get(19..)?).ok()?;
    Some((name.to_bytes(), rest))
}

/// Removes whatever lies at `path`, read-only and endlessly deep folders
/// included; nothing there is fine.
///
/// # Errors
/// The first failure, with the rest left in place.
pub fn remove_all(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let parent = match fs::File::open(parent) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        parent => parent?,
    };
    let mut removal = Removal {
        top: parent.as_fd(),
        moved: vec![name.to_owned()],
        count: 0,
    };
    while let Some(name) = removal.moved.pop() {
        removal.entry(removal.top, &name, 0)?;
    }
    Ok(())
}

/// Makes a folder what it was before a step used it: the folders directly in it
/// stay, empty, and all else goes. `false` is one that cannot be used again: a
/// step changed how the file system treats it (`chattr`), or how large it is.
///
/// # Errors
/// The first failure, with the rest left in place.
pub fn empty_again(path: &Path) -> io::Result<bool> {
    let top = open_dir(AT_FDCWD, path.as_os_str())?;
    // Around a few names: an empty one is not larger.
    let (as_made, most) = (flags(&top)?, size(&top)?);
    let mut removal = Removal {
        top: top.as_fd(),
        moved: Vec::new(),
        count: 0,
    };
    let mut reusable = true;
    for name in names(&top)? {
        let stat = stat_at(&top, &name)?;
        if kind(&stat) != SFlag::S_IFDIR {
            unlinkat(&top, name.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
            continue;
        }
        if stat.st_mode & 0o700 != 0o700 {
            chmod_at(&top, &name, 0o700)?;
        }
        let inside = open_dir(&top, &name)?;
        for entry in names(&inside)? {
            removal.entry(inside.as_fd(), &entry, 1)?;
        }
        // A file system may keep a folder as large as it ever was.
        reusable &= flags(&inside)? == as_made && size(&inside)? <= most;
        futimens(&inside, &TIME, &TIME)?; // what the step set would tell the next one of it
    }
    reusable &= removal.moved.is_empty(); // what was too deep lies beside it now
    Ok(reusable)
}

fn size(folder: &impl AsFd) -> io::Result<libc::off_t> {
    Ok(nix::sys::stat::fstat(folder)?.st_size)
}

/// What `lsattr` shows; 0 where the file system knows no such thing.
fn flags(folder: &impl AsFd) -> io::Result<libc::c_long> {
    let mut flags: libc::c_long = 0;
    let fd = folder.as_fd().as_raw_fd();
    // SAFETY: the kernel writes no more than the flags, which outlive the call.
    let read = unsafe { libc::ioctl(fd, libc::FS_IOC_GETFLAGS, &raw mut flags) };
    match Errno::result(read) {
        Ok(_) => Ok(flags),
        Err(Errno::ENOTTY | Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(0),
        Err(errno) => Err(errno.into()),
    }
}

/// Folders too deep for one descent are moved up beside the top one and
/// removed in their turn, so depth costs neither stack nor descriptors.
struct Removal<'a> {
    top: BorrowedFd<'a>,
    moved: Vec<OsString>,
    count: u64,
}

impl Removal<'_> {
    fn entry(&mut self, folder: BorrowedFd<'_>, name: &OsStr, depth: usize) -> Result<(), Errno> {
        // Most are no folders: they are not looked at before.
        match unlinkat(folder, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EISDIR) => {}
            Err(errno) => return Err(errno),
        }
        let stat = stat_at(folder, name)?;
        if stat.st_mode & 0o700 != 0o700 {
            chmod_at(folder, name, 0o700)?;
        }
        if depth == DEPTH_MAX {
            return self.move_up(folder, name);
        }
        let inside = open_dir(folder, name)?;
        for entry in names(&inside)? {
            self.entry(inside.as_fd(), &entry, depth + 1)?;
        }
        unlinkat(folder, name, UnlinkatFlags::RemoveDir)
    }

    fn move_up(&mut self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
        let unique = loop {
            self.count += 1;
            let unique = OsString::from(format!(".remove-{}-{}", fastrand::u64(..), self.count));
            if stat_at(self.top, &unique) == Err(Errno::ENOENT) {
                break unique;
            }
        };
        renameat(folder, name, self.top, unique.as_os_str())?;
        self.moved.push(unique);
        Ok(())
    }
}

/// Takes every extended attribute away: capabilities, ACLs, user's own.
pub(super) fn clear_xattrs(file: impl AsFd) -> Result<(), Errno> {
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: a null list of size 0 asks for the size; nothing is written.
    let size = match Errno::result(unsafe { libc::flistxattr(fd, std::ptr::null_mut(), 0) }) {
        Ok(0) | Err(Errno::ENOTSUP) => return Ok(()),
        size => size?,
    };
    let mut list = vec![0u8; usize::try_from(size).unwrap_or(0)];
    // SAFETY: `list` is writable for the length given with it.
    let read = unsafe { libc::flistxattr(fd, list.as_mut_ptr().cast(), list.len()) };
    list.truncate(usize::try_from(Errno::result(read)?).unwrap_or(0));
    for name in list.split_inclusive(|&byte| byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if name == c"security.selinux" {
            continue; // the host's own label; it cannot be taken away
        }
        // SAFETY: `name` is a C string that lives through the call.
        match Errno::result(unsafe { libc::fremovexattr(fd, name.as_ptr()) }) {
            Ok(_) | Err(Errno::ENODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn read_only_folders_and_links_are_removed_and_targets_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("kept");
        fs::write(&kept, "").unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("a/b")).unwrap();
        std::os::unix::fs::symlink(&kept, tree.join("a/link")).unwrap();
        fs::set_permissions(tree.join("a"), PermissionsExt::from_mode(0o000)).unwrap();
        remove_all(&tree).unwrap();
        assert!(!tree.exists());
        assert!(kept.exists());
        remove_all(&tree).unwrap();
    }

    #[test]
    fn a_folder_that_a_step_used_is_as_before_but_for_the_folders_in_it() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["store/a/b", "work/work"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("file"), "").unwrap();
        fs::write(dir.path().join("store/file"), "").unwrap();
        fs::set_permissions(
            dir.path().join("work/work"),
            PermissionsExt::from_mode(0o000),
        )
        .unwrap();
        fs::set_permissions(dir.path().join("store"), PermissionsExt::from_mode(0o000)).unwrap();
        assert!(empty_again(dir.path()).unwrap());
        let left = |path: &Path| fs::read_dir(path).unwrap().count();
        assert_eq!(left(dir.path()), 2);
        assert_eq!(left(&dir.path().join("store")), 0);
        assert_eq!(left(&dir.path().join("work")), 0);
    }

    #[test]
    fn all_names_of_a_folder_are_read_in_the_order_of_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut made: Vec<OsString> = (0..300)
            .map(|n| format!("{n:03}-{}", "x".repeat(n % 200)).into())
            .collect();
        made.push(OsStr::from_bytes(b"\xff\xfe").to_owned());
        made.push(".hidden".into());
        for name in &made {
            fs::write(dir.path().join(name), "").unwrap();
        }
        made.sort();
        let folder = open_dir(AT_FDCWD, dir.path().as_os_str()).unwrap();
        assert_eq!(names(&folder).unwrap(), made);
        let file = dir.path().join(".hidden");
        let file = fs::File::open(file).unwrap();
        assert_eq!(names(&file), Err(Errno::ENOTDIR));
    }

    #[test]
    fn what_getdents_gives_is_read_no_further_than_it_goes() {
        let mut entries = vec![0; 24];
        entries[16] = 24;
        entries[19..22].copy_from_slice(b"abc");
        assert_eq!(entry(&entries), Some((&b"abc"[..], &[][..])));
        for damaged in [&entries[..18], &entries[..23], &[]] {
            assert_eq!(entry(damaged), None);
        }
        entries[16] = 20; // no zero left
        assert_eq!(entry(&entries), None);
    }

    #[test]
    fn a_tree_deeper_than_the_limit_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = open_dir(AT_FDCWD, dir.path().as_os_str()).unwrap();
        for _ in 0..DEPTH_MAX * 5 {
            nix::sys::stat::mkdirat(&folder, "deep", Mode::S_IRWXU).unwrap();
            folder = open_dir(&folder, OsStr::new("deep")).unwrap();
        }
        remove_all(&dir.path().join("deep")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
