import BackupModel

/// A disk of a virtual machine: an image file with the files it builds on.
struct DiskImage: Equatable {
  /// One file of the image, and how to read it. The format is never guessed: what a guest wrote to the first bytes
  /// of a raw disk must not decide how the host reads it.
  struct Layer: Equatable {
    /// Absolute, with no symbolic link in it.
    let path: String
    let format: DiskImageFormat
  }

  let id: DiskID
  /// The virtual size in bytes.
  let size: UInt64
  /// From the image itself down to the last backing file.
  let layers: [Layer]
  /// Files other than the layers that hold data of this disk: the extents of a VMDK.
  let extents: [String]

  var path: String { layers[0].path }
  var format: DiskImageFormat { layers[0].format }
}

extension DiskImageFormat {
  /// By a file's extension only, in any case. Nil: not a disk image.
  init?(fileName: String) {
    guard let dot = fileName.lastIndex(of: "."), dot != fileName.startIndex else { return nil }
    switch fileName[fileName.index(after: dot)...].lowercased() {
    case "raw", "img": self = .raw
    case "qcow2": self = .qcow2
    case "vhdx": self = .vhdx
    case "vmdk": self = .vmdk
    default: return nil
    }
  }
}
