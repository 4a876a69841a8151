internal import BackupModel

/// A restore point's file: `BELAYPT1`, version, hash, signature kind, length of the JSON, canonical JSON, SHA-256 of all
/// before (and a signature behind it, once there are keys).
enum RestorePointFile {
  /// A file is not longer: 2^18 directory ids, and a VM's few disks.
  static let largest = 64 << 20

  private static let headerBytes = 16

  static func encode(_ point: RestorePoint) -> [UInt8] {
    let json = json(point).encoded()
    var writer = ByteWriter(capacity: headerBytes + json.count + BlobID.byteCount)
    writer.put("BELAYPT1")
    writer.put(Format.version)
    writer.put(Format.hash)
    writer.put(UInt8(0))
    writer.put(UInt32(json.count))
    writer.put(json)
    writer.put(SHA256().digest(writer.bytes.span.bytes))
    return writer.bytes
  }

  static func decode(_ bytes: [UInt8]) throws(FormatError) -> RestorePoint {
    var reader = ByteReader(bytes)
    try reader.expect("BELAYPT1")
    let version = try reader.integer(UInt16.self)
    guard version == Format.version else { throw FormatError("it is of version \(version)") }
    let (hash, signature) = (try reader.integer(UInt8.self), try reader.integer(UInt8.self))
    guard hash == Format.hash, signature == 0 else {
      throw FormatError("it is of hash \(hash) and signature \(signature), which are unknown")
    }
    let length = try reader.integer(UInt32.self)
    let json = try reader.array(Int(length))
    let digest = SHA256().digest(bytes.span.bytes.extracting(0..<reader.offset))
    guard try reader.blobID() == digest, reader.remaining == 0 else {
      throw FormatError("its digest is wrong")
    }
    return try point(JSONFields(CanonicalJSON(json)))
  }

  private static func json(_ point: RestorePoint) -> CanonicalJSON {
    .object([
      "attempt": .string(point.attempt.description),
      "job": .string(point.job.rawValue),
      "virtualMachine": .string(point.virtualMachine.rawValue),
      "repository": .string(point.repository.rawValue),
      "parent": .null,
      "consistency": .string("crash"),
      "sessionStarted": .number(UInt64(clamping: point.sessionStarted.nanosecondsSinceEpoch)),
      "staged": .number(UInt64(clamping: point.staged.nanosecondsSinceEpoch)),
      "storedBytes": .number(point.storedBytes),
      "generation": .number(UInt64(point.generation)),
      "disks": .array(
        point.disks.map { disk in
          .object([
            "id": .string(disk.id.rawValue),
            "size": .number(disk.size),
            "directories": .array(disk.directories.map { .string($0.description) }),
            "root": .string(disk.root.description),
          ])
        }),
    ])
  }

  private static func point(_ fields: JSONFields) throws(FormatError) -> RestorePoint {
    guard let attempt = AttemptID(validating: try fields.string("attempt")),
      let generation = UInt32(exactly: try fields.number("generation"))
    else { throw FormatError("the attempt or the generation is malformed") }
    var disks: [RestorePoint.Disk] = []
    for value in try fields.array("disks") {
      disks.append(try disk(JSONFields(value)))
    }
    guard Set(disks.map(\.id)).count == disks.count else {
      throw FormatError("a disk occurs twice")
    }
    let (logical, overflow) = disks.reduce((UInt64(0), false)) { sum, disk in
      let (next, overflow) = sum.0.addingReportingOverflow(disk.size)
      return (next, sum.1 || overflow)
    }
    guard !overflow, logical < 1 << 63 else { throw FormatError("its disks are too large") }
    return RestorePoint(
      id: RestorePointID(task: attempt.task), attempt: attempt,
      job: try fields.identifier("job"), virtualMachine: try fields.identifier("virtualMachine"),
      repository: try fields.identifier("repository"),
      sessionStarted: try fields.time("sessionStarted"), staged: try fields.time("staged"),
      disks: disks, storedBytes: try fields.number("storedBytes"), generation: generation)
  }

  private static func disk(_ fields: JSONFields) throws(FormatError) -> RestorePoint.Disk {
    let id: DiskID = try fields.identifier("id")
    let size = try fields.number("size")
    guard size <= Format.largestDisk else { throw FormatError("disk \(id) is too large") }
    var directories: [BlobID] = []
    for value in try fields.array("directories") {
      guard case .string(let text) = value, let page = BlobID(hexadecimal: text) else {
        throw FormatError("a directory of disk \(id) is malformed")
      }
      directories.append(page)
    }
    let root = RestorePoint.Disk.root(size: size, directories: directories)
    guard directories.count == RestorePoint.Disk.directoryCount(ofSize: size),
      try fields.string("root") == root.description
    else { throw FormatError("the root of disk \(id) is wrong") }
    return RestorePoint.Disk(id: id, size: size, directories: directories, root: root)
  }
}

extension RestorePoint.Disk {
  static func directoryCount(ofSize size: UInt64) -> Int {
    (Format.regionCount(ofSize: size) + Format.regionsPerDirectory - 1)
      / Format.regionsPerDirectory
  }

  static func root(size: UInt64, directories: [BlobID]) -> BlobID {
    var writer = ByteWriter(capacity: 16 + directories.count * BlobID.byteCount)
    writer.put("BRT1")
    writer.put(UInt32(directories.count))
    writer.put(size)
    for directory in directories { writer.put(directory) }
    return SHA256().digest(writer.bytes.span.bytes)
  }
}

extension RestorePoint {
  /// What a commit vouches for. `digest`: SHA-256 of the whole file.
  func summary(digest: BlobID) -> RestorePointSummary {
    RestorePointSummary(
      id: id, virtualMachine: virtualMachine, repository: repository,
      manifestDigest: digest.description, logicalBytes: disks.reduce(0) { $0 + $1.size },
      storedBytes: storedBytes)
  }

  /// The name of its file in the directory of its VM.
  var fileName: String { Layout.pointName(id, sessionStarted) }
}
