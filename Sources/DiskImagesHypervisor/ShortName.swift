import BackupModel

/// The beginning of the names of all that a checkpoint adds to a live VM's daemon.
///
/// QEMU takes at most 31 characters for a node, fewer than a checkpoint's name may have: a hash stands for it.
struct ShortName: Equatable {
  /// `belay-`, 16 hexadecimal digits, `-`: 23 characters.
  let prefix: String

  /// What all of our names in a daemon begin with, whatever the checkpoint.
  static let common = "belay-"

  init(_ name: CheckpointName) {
    // FNV-1a with 64 bits.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.description.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    prefix = Self.common + String(repeating: "0", count: 16 - digits.count) + digits + "-"
  }

  func owns(_ name: String) -> Bool { name.hasPrefix(prefix) }

  func file(_ disk: Int) -> String { "\(prefix)f\(disk)" }
  func overlay(_ disk: Int) -> String { "\(prefix)o\(disk)" }
  func formatting(_ disk: Int) -> String { "\(prefix)c\(disk)" }
  func backup(_ disk: Int) -> String { "\(prefix)b\(disk)" }
  func export(_ disk: Int) -> String { "\(prefix)x\(disk)" }
}
