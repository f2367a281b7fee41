//! A `SQLite` file system over the operating system's own. It hands every change of a file to the [`Disk`]
//! of its folder before the change is made, and does what the disk says. Reads, locks and the shared memory
//! of the WAL index go through untouched; a folder that has no disk is not watched at all.
//!
//! It is the default of this process, so the store opens its database as it always does.

#![allow(
    unsafe_code,
    reason = "a file system is given to SQLite as a table of C functions over raw pointers"
)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Once};

use rusqlite::ffi;

use crate::disk::{self, Advice, Disk, FileId};

/// One open file. `SQLite` allocates it, followed by room for the real file, which begins right after it.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// From `Box::into_raw`; null for a file that nobody watches.
    watched: *mut Watched,
}

struct Watched {
    disk: Arc<Disk>,
    id: FileId,
}

/// Makes this file system the default one, once.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite's default file system is found after initialization and lives as long as the
        // process; ours is leaked, so it does too. Its functions are those below, of the right types.
        unsafe {
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!real.is_null(), "SQLite has a default file system");
            let mut ours = *real;
            ours.szOsFile += c_int::try_from(size_of::<File>()).expect("a few words");
            ours.pNext = std::ptr::null_mut();
            ours.zName = c"relhost-disk".as_ptr();
            ours.pAppData = real.cast();
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            let registered = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1);
            assert_eq!(registered, ffi::SQLITE_OK);
        }
    });
}

/// The methods of our files. Version 2: with shared memory, without memory mapping.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `name` is null or a text that ends with a zero byte and outlives the result's use.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: as the caller promises.
    (!name.is_null()).then(|| Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())))
}

/// The real file behind one of ours.
///
/// # Safety
/// `file` was given to [`open`] by `SQLite`, which allocated `szOsFile` bytes for it.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: `szOsFile` is the size of ours and that of the real file, in this order. Ours is two words
    // long, so the real one is aligned.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// Who watches a file.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn watched<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Watched> {
    // SAFETY: `open` has set the pointer to null or to a box that `close` alone frees.
    unsafe { (*file.cast::<File>()).watched.as_ref() }
}

/// Calls a method of the real file.
macro_rules! forward {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: SQLite passes a file that `open` opened, so the real one is open and has its methods, and
        // arguments that the real method takes.
        unsafe {
            let file = real($file);
            (*(*file).pMethods).$method.expect("the real file system has it")(file $(, $argument)*)
        }
    }};
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes our own table, whose data is the real one; a name that outlives the file; and
    // memory of `szOsFile` bytes, which are ours until `close`.
    unsafe {
        (*file).pMethods = std::ptr::null();
        let name_path = path(name);
        let disk = name_path.and_then(disk::of);
        if let (Some(disk), Some(path)) = (&disk, name_path)
            && let Err(code) = disk.may_open(path, flags)
        {
            return code;
        }
        let existed = name_path.is_some_and(Path::exists);
        let inner = real(file);
        (*inner).pMethods = std::ptr::null();
        let system: *mut ffi::sqlite3_vfs = (*vfs).pAppData.cast();
        let result =
            (*system).xOpen.expect("the real file system has it")(system, name, inner, flags, out_flags);
        if result != ffi::SQLITE_OK {
            return result;
        }
        let watched = disk.zip(name_path).map(|(disk, path)| {
            let id = disk.opened(path, existed);
            Box::into_raw(Box::new(Watched { disk, id }))
        });
        (*file.cast::<File>()).watched = watched.unwrap_or(std::ptr::null_mut());
        (*file).pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite passes our own table, whose data is the real one, and a text.
    unsafe {
        if let Some(path) = path(name)
            && let Some(disk) = disk::of(path)
            && let Err(code) = disk.deleted(path, sync != 0)
        {
            return code;
        }
        let system: *mut ffi::sqlite3_vfs = (*vfs).pAppData.cast();
        // What the folder owes to the disk is ours to say, so the real one never waits for it.
        (*system).xDelete.expect("the real file system has it")(system, name, 0)
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let result = forward!(file, xClose);
    // SAFETY: `open` has set the pointer to null or to a box, and SQLite closes a file once.
    unsafe {
        let ours = file.cast::<File>();
        if !(*ours).watched.is_null() {
            drop(Box::from_raw((*ours).watched));
            (*ours).watched = std::ptr::null_mut();
        }
    }
    result
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes a file that `open` opened.
    if let Some(watched) = unsafe { watched(file) }
        && let Err(code) = watched.disk.may_read(watched.id)
    {
        return code;
    }
    forward!(file, xRead, into, amount, offset)
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes a file that `open` opened, and `amount` readable bytes.
    let advice = unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(amount).expect("a length"));
        watched(file).map_or(Advice::Do, |file| file.disk.written(file.id, offset.unsigned_abs(), bytes))
    };
    match advice {
        Advice::Do => forward!(file, xWrite, from, amount, offset),
        Advice::Refuse(code) => code,
        Advice::Cut(length, code) => {
            let length = c_int::try_from(length).expect("shorter than the whole");
            forward!(file, xWrite, from, length, offset);
            code
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes a file that `open` opened.
    if let Some(watched) = unsafe { watched(file) }
        && let Err(code) = watched.disk.truncated(watched.id, size.unsigned_abs())
    {
        return code;
    }
    forward!(file, xTruncate, size)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite passes a file that `open` opened.
    match unsafe { watched(file) } {
        // The disk under test is the one that matters; the real one need not wait.
        Some(watched) => watched.disk.synced(watched.id).err().unwrap_or(ffi::SQLITE_OK),
        None => forward!(file, xSync, flags),
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut ffi::sqlite3_int64) -> c_int {
    forward!(file, xFileSize, size)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, result: *mut c_int) -> c_int {
    forward!(file, xCheckReservedLock, result)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, what: c_int, data: *mut c_void) -> c_int {
    forward!(file, xFileControl, what, data)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    forward!(file, xShmMap, page, size, extend, memory)
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, n: c_int, flags: c_int) -> c_int {
    forward!(file, xShmLock, offset, n, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    forward!(file, xShmBarrier);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    forward!(file, xShmUnmap, delete)
}

/// The control that makes a store careless.
pub mod careless {
    use std::cell::RefCell;

    use super::{Once, c_char, c_int, ffi};

    thread_local! {
        /// The connections that this thread opened and that can write, while it asks for them.
        static WRITERS: RefCell<Option<Vec<*mut ffi::sqlite3>>> = const { RefCell::new(None) };
    }

    unsafe extern "C" fn connected(
        db: *mut ffi::sqlite3,
        _: *mut *mut c_char,
        _: *const ffi::sqlite3_api_routines,
    ) -> c_int {
        WRITERS.with_borrow_mut(|writers| {
            if let Some(writers) = writers
                // SAFETY: SQLite calls this with a connection that is open, while it opens it.
                && unsafe { ffi::sqlite3_db_readonly(db, c"main".as_ptr()) } == 0
            {
                writers.push(db);
            }
        });
        ffi::SQLITE_OK
    }

    /// Opens a store, and before its writer starts turns `synchronous=FULL` into NORMAL behind its back.
    pub fn normal<T, E>(open: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        static ONCE: Once = Once::new();
        // SAFETY: the function has the type that SQLite asks for.
        ONCE.call_once(|| unsafe {
            assert_eq!(ffi::sqlite3_auto_extension(Some(connected)), ffi::SQLITE_OK);
        });
        WRITERS.set(Some(Vec::new()));
        let opened = open();
        let writers = WRITERS.take().unwrap_or_default();
        let opened = opened?;
        // The last one: the connection that only made the database is closed by now.
        let writer = *writers.last().expect("a store has a connection that can write");
        // SAFETY: the store holds this connection open, and has not given it to a thread yet.
        let set = unsafe {
            let sql = c"PRAGMA synchronous = NORMAL".as_ptr();
            ffi::sqlite3_exec(writer, sql, None, std::ptr::null_mut(), std::ptr::null_mut())
        };
        assert_eq!(set, ffi::SQLITE_OK);
        Ok(opened)
    }
}
