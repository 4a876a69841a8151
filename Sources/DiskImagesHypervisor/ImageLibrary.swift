import BackupModel
import Glibc
import Hypervisor

/// The directory whose sub-directories are virtual machines.
struct ImageLibrary: Sendable {
  /// As configured.
  let root: String

  func virtualMachines() throws(HypervisorError) -> [VirtualMachineID] {
    guard let names = fileNames(in: root) else {
      throw .system("Cannot list the virtual machines in \(root)", errno)
    }
    return names.compactMap { VirtualMachineID(validating: $0) }
      .filter { realDirectory("\(root)/\($0)") != nil }
      .sorted()
  }

  /// The real path of a VM's directory. Throws `notFound` if there is none.
  func directory(of vm: VirtualMachineID) throws(HypervisorError) -> String {
    guard let path = realDirectory("\(root)/\(vm)") else {
      throw HypervisorError(
        .notFound, "There is no virtual machine '\(vm)': \(root)/\(vm) is not a directory.")
    }
    return path
  }

  /// The disks of a VM, by file name. An image that is only a part of another one, such as a backing file, is not a
  /// disk of its own.
  func disks(of vm: VirtualMachineID) throws(HypervisorError) -> [DiskImage] {
    let directory = try directory(of: vm)
    guard let names = fileNames(in: directory) else {
      throw .system("Cannot list the disks in \(directory)", errno)
    }
    let inspection = ImageInspection(directory: directory)
    var images: [DiskImage] = []
    var refusals: [(path: String, error: HypervisorError)] = []
    for name in names.sorted() where !name.hasPrefix(".") {
      guard let format = DiskImageFormat(fileName: name) else { continue }
      do {
        images.append(try inspection.image(name, format: format))
      } catch {
        refusals.append(("\(directory)/\(name)", error))
      }
    }
    let parts = Set(images.flatMap { $0.layers.dropFirst().map(\.path) + $0.extents })
    if let refusal = refusals.first(where: { !parts.contains($0.path) }) { throw refusal.error }
    return images.filter { !parts.contains($0.path) }
  }

  private func realDirectory(_ path: String) -> String? {
    var status = stat()
    guard let real = realPath(path), stat(real, &status) == 0,
      status.st_mode & S_IFMT == S_IFDIR
    else { return nil }
    return real
  }
}

/// The names in a directory, in no order. Nil: it cannot be read (errno says why).
func fileNames(in directory: String) -> [String]? {
  guard let stream = opendir(directory) else { return nil }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names
}
