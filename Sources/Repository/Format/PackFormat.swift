internal import BackupModel

/// The first 64 bytes of a pack.
struct PackHeader: Hashable, Sendable {
  let id: PackID
  let session: SessionTag
  let time: Timestamp
  let generation: UInt32

  static let byteCount = 64

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Self.byteCount)
    writer.put("BELAYPK1")
    writer.put(Format.version)
    writer.put(Format.hash)
    writer.put(Format.cipher)
    writer.putZeros(4)
    writer.put(id)
    writer.put(session.id)
    writer.put(time.nanosecondsSinceEpoch)
    writer.put(generation)
    writer.put(CRC32C.of(writer.bytes.span.bytes))
    return writer.bytes
  }

  init(id: PackID, session: SessionTag, time: Timestamp, generation: UInt32) {
    self.id = id
    self.session = session
    self.time = time
    self.generation = generation
  }

  init(_ bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    try reader.expect("BELAYPK1")
    try reader.expectFormat()
    try reader.expectZeros(4)
    id = try reader.packID()
    session = SessionTag(id: try reader.packID())
    time = Timestamp(nanosecondsSinceEpoch: try reader.integer())
    generation = try reader.integer()
    try reader.expectChecksum(of: bytes)
  }
}

/// The last 64 bytes of a pack.
struct PackTrailer: Hashable, Sendable {
  let footerOffset: UInt64
  let count: UInt32
  /// SHA-256 of the header and the footer.
  let digest: BlobID

  static let byteCount = 64

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Self.byteCount)
    writer.put(footerOffset)
    writer.put(count)
    writer.putZeros(8)
    writer.put(digest)
    writer.put(CRC32C.of(writer.bytes.span.bytes))
    writer.put("BELAYEND")
    return writer.bytes
  }

  init(footerOffset: UInt64, count: UInt32, digest: BlobID) {
    self.footerOffset = footerOffset
    self.count = count
    self.digest = digest
  }

  init(_ bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    footerOffset = try reader.integer()
    count = try reader.integer()
    try reader.expectZeros(8)
    digest = try reader.blobID()
    try reader.expectChecksum(of: bytes)
    try reader.expect("BELAYEND")
  }
}

/// A record of a pack's footer: the blob's place, and the CRC-32C of its stored bytes.
struct FooterRecord: Hashable, Sendable {
  let blob: BlobRecord
  let checksum: UInt32

  func encode(to writer: inout ByteWriter) {
    writer.put(blob.id)
    writer.put(blob.offset)
    writer.put(blob.storedLength)
    writer.put(blob.packedLength)
    writer.put(checksum)
  }

  init(blob: BlobRecord, checksum: UInt32) {
    self.blob = blob
    self.checksum = checksum
  }

  init(_ reader: inout ByteReader) throws(FormatError) {
    blob = try BlobRecord(
      id: reader.blobID(), offset: reader.integer(), storedLength: reader.integer(),
      packedLength: reader.integer())
    checksum = try reader.integer()
  }
}

/// Which writer made a file: the first half of the SHA-256 of its attempt's name.
struct SessionTag: Hashable, Sendable {
  let id: PackID

  init(id: PackID) { self.id = id }

  init(_ attempt: AttemptID) {
    let digest = SHA256().digest(Array(attempt.description.utf8).span.bytes)
    id = PackID(words: (digest.words.0, digest.words.1))
  }
}

extension ByteReader {
  /// Takes version, hash and cipher.
  mutating func expectFormat() throws(FormatError) {
    let version = try integer(UInt16.self)
    guard version == Format.version else { throw FormatError("it is of version \(version)") }
    let (hash, cipher) = (try integer(UInt8.self), try integer(UInt8.self))
    guard hash == Format.hash, cipher == Format.cipher else {
      throw FormatError("it is of hash \(hash) and cipher \(cipher), which are unknown")
    }
  }

  /// Takes the CRC-32C of all the bytes before it.
  mutating func expectChecksum(of bytes: [UInt8]) throws(FormatError) {
    let expected = CRC32C.of(bytes.span.bytes.extracting(0..<offset))
    guard try integer(UInt32.self) == expected else { throw FormatError("its checksum is wrong") }
  }
}
