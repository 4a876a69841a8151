import BackupModel
import Foundation
import Glibc
import Hypervisor

/// Reads what image files say of themselves, and refuses what would lead out of their directory.
///
/// An image is data from outside: a backing file, an extent or a data file that it names is opened by the host with
/// the worker's rights. So all files of a VM must lie in the VM's directory, and each must have a recorded format.
struct ImageInspection {
  /// Absolute, with no symbolic link in it.
  let directory: String

  /// Backing files of backing files; QEMU itself sets no bound.
  static let chainLimit = 32

  /// The image in the file `name` of the directory, with its backing chain.
  func image(_ name: String, format: DiskImageFormat) throws(HypervisorError) -> DiskImage {
    guard let id = DiskID(validating: name) else {
      throw HypervisorError(
        .invalid, "The file name '\(name)' in \(directory) cannot name a disk: \(DiskID.grammar).")
    }
    var layers: [DiskImage.Layer] = []
    var extents: [String] = []
    var size: UInt64?
    var next: DiskImage.Layer? = .init(
      path: try resolve("\(directory)/\(name)", namedBy: name), format: format)
    while let layer = next {
      guard layers.count < Self.chainLimit, !layers.contains(layer) else {
        throw HypervisorError(
          .invalid,
          "The image \(directory)/\(name) has a backing chain that is too long or circular.")
      }
      layers.append(layer)
      let description = try describe(layer)
      extents += description.extents
      size = size ?? description.size
      next = description.backing
    }
    return DiskImage(id: id, size: size ?? 0, layers: layers, extents: extents)
  }

  private struct Description {
    let size: UInt64
    var backing: DiskImage.Layer?
    var extents: [String] = []
  }

  private func describe(_ layer: DiskImage.Layer) throws(HypervisorError) -> Description {
    var status = stat()
    guard stat(layer.path, &status) == 0 else {
      throw .system("Cannot examine the disk image \(layer.path)", errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw HypervisorError(.invalid, "The disk image \(layer.path) is not a regular file.")
    }
    guard layer.format != .raw else { return Description(size: UInt64(status.st_size)) }
    let outcome = try Program.imageTool.run(
      ["info", "--output=json", "--force-share", "-f", layer.format.rawValue, layer.path],
      in: directory, deadline: Deadline(in: .seconds(10)))
    guard outcome.succeeded,
      let info = try? JSONDecoder().decode(JSON.self, from: Data(outcome.output)),
      let size = info["virtual-size"]?.unsigned
    else {
      throw HypervisorError(
        .invalid,
        "The disk image \(layer.path) is not a readable \(layer.format.rawValue) image: \(outcome.complaint). "
          + "A file's extension says its format; rename it if it is of another.")
    }
    return try description(of: layer, size: size, info)
  }

  private func description(
    of layer: DiskImage.Layer, size: UInt64, _ info: JSON
  ) throws(HypervisorError) -> Description {
    let specific = info["format-specific"]?["data"]
    if let dataFile = specific?["data-file"]?.text {
      throw HypervisorError(
        .invalid,
        "The disk image \(layer.path) keeps its data in another file ('\(dataFile)'), which is not supported. "
          + "Convert it: qemu-img convert -O qcow2.")
    }
    var result = Description(size: size)
    for extent in specific?["extents"]?.elements ?? [] {
      guard let name = extent["filename"]?.text else { continue }
      let path = try resolve(absolute(name, in: layer), namedBy: layer.path)
      if path != layer.path { result.extents.append(path) }
    }
    if let name = info["backing-filename"]?.text {
      let recorded = info["backing-filename-format"]?.text ?? (layer.format == .vmdk ? "vmdk" : nil)
      guard let recorded, let format = DiskImageFormat(rawValue: recorded) else {
        throw HypervisorError(
          .invalid,
          "The disk image \(layer.path) does not record a known format of its backing file '\(name)'. "
            + "Record it: qemu-img rebase -u -b '\(name)' -F FORMAT.")
      }
      result.backing = DiskImage.Layer(
        path: try resolve(absolute(name, in: layer), namedBy: layer.path), format: format)
    }
    return result
  }

  /// Images name other files relative to themselves. A protocol (`nbd:`, `json:`) thus becomes a file that is not
  /// there.
  private func absolute(_ name: String, in layer: DiskImage.Layer) -> String {
    guard !name.hasPrefix("/"), let slash = layer.path.lastIndex(of: "/") else { return name }
    return layer.path[...slash] + name
  }

  /// The real path of a file that must lie in the VM's directory, all symbolic links followed.
  private func resolve(_ path: String, namedBy image: String) throws(HypervisorError) -> String {
    guard let real = realPath(path) else {
      throw HypervisorError(
        .invalid,
        "The disk image \(image) needs the file '\(path)', which cannot be found: \(String(cString: strerror(errno)))."
      )
    }
    guard real.hasPrefix(directory + "/") else {
      throw HypervisorError(
        .invalid,
        "The disk image \(image) leads to '\(real)', outside its VM's directory \(directory); such an image could "
          + "show any file of this host. Put all files of a VM into its directory.")
    }
    return real
  }
}

/// The path with all symbolic links resolved. Nil: there is no such file (errno says why).
func realPath(_ path: String) -> String? {
  guard let resolved = realpath(path, nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved)
}
