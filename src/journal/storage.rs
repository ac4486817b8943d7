//! What the journal asks of a disk, and the disk itself.
//!
//! Each call is one that a machine may die in, and that [`super::testing`] lets fail.

use crate::chance::unguessable;
use crate::disk::sync_directory;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;

/// A directory of files. Names are those of files in it, without folders.
pub trait Storage: Clone + Debug {
    /// An open file.
    type File: StorageFile;

    /// Makes a file, or empties the one that is there.
    ///
    /// # Errors
    /// When the system refuses.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading, and for writing when that is said.
    ///
    /// # Errors
    /// When the system refuses, `NotFound` when there is no such file.
    fn open(&self, name: &str, writing: bool) -> io::Result<Self::File>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the system refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// When the system refuses.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes what was created and removed outlast a crash of the machine.
    ///
    /// # Errors
    /// When the system refuses; what is on disk is unknown then.
    fn sync_dir(&self) -> io::Result<()>;

    /// A number that nobody who sends events can guess.
    fn salt(&self) -> u64;

    /// Where a file is, for messages; the directory itself when `name` is empty.
    fn path(&self, name: &str) -> PathBuf;
}

/// A file of a [`Storage`].
pub trait StorageFile: Debug {
    /// Its length, bytes.
    ///
    /// # Errors
    /// When the system refuses.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads what lies at a byte; fewer bytes than asked for are no error, none is the end.
    ///
    /// # Errors
    /// When the system refuses.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes slices one behind the other; fewer bytes than given are no error.
    ///
    /// # Errors
    /// When the system refuses.
    fn write_at(&mut self, at: u64, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Cuts the file to a length.
    ///
    /// # Errors
    /// When the system refuses.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Whether a name leads to the file; what is written to one without is lost with its handle.
    ///
    /// # Errors
    /// When the system refuses.
    fn is_named(&self) -> io::Result<bool> {
        Ok(true)
    }

    /// Makes contents and length outlast a crash of the machine.
    ///
    /// # Errors
    /// When the system refuses; what is on disk is unknown then, whatever a later call says.
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes all of `slices` at a byte.
///
/// # Errors
/// When the system refuses; a part of them may be written then.
pub fn write_all(
    file: &mut impl StorageFile,
    mut at: u64,
    mut slices: &mut [IoSlice<'_>],
) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_at(at, slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                at += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads into `into` until it is full or the file ends, and returns how much there was.
///
/// # Errors
/// When the system refuses.
pub fn read_full(file: &impl StorageFile, at: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(at + done as u64, &mut into[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A directory of the real file system.
#[derive(Clone, Debug)]
pub struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// A directory that is there already, for reading.
    pub fn at(directory: &Path) -> Self {
        Disk { directory: directory.to_owned() }
    }

    /// A directory that is made if it is not there, so that it outlasts a crash.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        // A new directory is an entry in the one above; syncing that twice does no harm, so
        // it is not asked which of them are new. Above two levels it is the operator's, and
        // so is one that may not be read.
        for above in directory.canonicalize()?.ancestors().skip(1).take(2) {
            match sync_directory(above) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                done => done?,
            }
        }
        Ok(Disk::at(directory))
    }
}

impl Storage for Disk {
    type File = DiskFile;

    fn create(&self, name: &str) -> io::Result<DiskFile> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        Ok(DiskFile { file: options.open(self.path(name))?, position: 0 })
    }

    fn open(&self, name: &str, writing: bool) -> io::Result<DiskFile> {
        let file = File::options().read(true).write(writing).open(self.path(name))?;
        Ok(DiskFile { file, position: 0 })
    }

    /// The name goes at once. What the file takes on disk and in memory goes with its last
    /// handle, which may take the system 20 ms for 64 MiB: that is a thread's own time.
    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path(name);
        let handle = File::open(&path);
        fs::remove_file(&path)?;
        match handle {
            // Without a thread it is let go of here.
            Ok(handle) => {
                let thread = thread::Builder::new().name("forget".to_owned());
                let _ = thread.spawn(move || drop(handle));
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "it is removed, and waited for");
            }
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // The journal's own names are plain; another is none of its files.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_directory(&self.directory)
    }

    fn salt(&self) -> u64 {
        // The standard library seeds this from the system's random numbers.
        unguessable()
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.directory.clone() } else { self.directory.join(name) }
    }
}

/// A file of the real file system.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    /// Where the system would write next: slices can only be written there.
    position: u64,
}

impl StorageFile for DiskFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(into, at)
    }

    fn write_at(&mut self, at: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.position != at {
            self.position = self.file.seek(SeekFrom::Start(at))?;
        }
        let written = self.file.write_vectored(slices)?;
        self.position += written as u64;
        Ok(written)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn is_named(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
