internal import BackupModel

/// What a repository is, written once when it is made: canonical JSON, then its SHA-256 on a line of its own.
struct Configuration: Hashable, Sendable {
  /// Names the repository for ever.
  let id: PackID
  let chunker: Chunker
  let compressionLevel: Int

  /// A configuration is not longer.
  static let largest = 64 << 10

  func encoded() -> [UInt8] {
    let json = CanonicalJSON.object([
      "format": .number(UInt64(Format.version)),
      "repository": .string(id.description),
      "hash": .string("sha-256"),
      "cipher": .string("none"),
      "keys": .array([]),
      "chunker": .object([
        "algorithm": .string("xxh3-blocks"),
        "seed": .string(hexadecimal(seedBytes)),
        "block": .number(UInt64(Format.blockBytes)),
        "region": .number(UInt64(Format.regionBytes)),
        "smallest": .number(UInt64(chunker.smallest)),
        "largest": .number(UInt64(chunker.largest)),
        "interval": .number(chunker.interval),
      ]),
      "compression": .object([
        "algorithm": .string("zstd"), "level": .number(UInt64(compressionLevel)),
      ]),
    ]).encoded()
    let digest = SHA256().digest(json.span.bytes)
    return json + Array("\n\(digest)\n".utf8)
  }

  private var seedBytes: [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: chunker.seed >> (56 - 8 * UInt64($0))) }
  }

  init(id: PackID, chunkerSeed: UInt64, compressionLevel: Int) {
    self.id = id
    chunker = Chunker(seed: chunkerSeed)
    self.compressionLevel = compressionLevel
  }

  /// Throws `damaged` for torn bytes, `newerFormat` for a format or a setting that this release does not know.
  init(_ bytes: [UInt8]) throws(RepositoryError) {
    let fields: JSONFields
    let format: UInt64
    do throws(FormatError) {
      fields = try Self.checkedFields(bytes)
      format = try fields.number("format")
    } catch {
      throw RepositoryError(.damaged, "the repository's configuration: \(error)")
    }
    guard format == Format.version else {
      throw RepositoryError(
        .newerFormat,
        "the repository is of format \(format), this release knows only \(Format.version)")
    }
    do throws(FormatError) {
      try self.init(fields)
    } catch {
      throw RepositoryError(.damaged, "the repository's configuration: \(error)")
    }
    // Canonical text: any other setting of the same format would show.
    guard encoded() == bytes else {
      throw RepositoryError(
        .newerFormat, "the repository has settings that this release does not know")
    }
  }

  private static func checkedFields(_ bytes: [UInt8]) throws(FormatError) -> JSONFields {
    let end = bytes.count - 66
    guard end > 0 else { throw FormatError("it is torn") }
    let json = Array(bytes[..<end])
    let digest = SHA256().digest(json.span.bytes)
    guard Array(bytes[end...]) == Array("\n\(digest)\n".utf8) else {
      throw FormatError("it is torn: its digest is wrong")
    }
    return try JSONFields(CanonicalJSON(json))
  }

  private init(_ fields: JSONFields) throws(FormatError) {
    let chunking = try fields.object("chunker")
    guard let id = PackID(fileName: try fields.string("repository")),
      let seed = UInt64(try chunking.string("seed"), radix: 16),
      let level = Int(exactly: try fields.object("compression").number("level")),
      (1...19).contains(level)
    else { throw FormatError("an id, the seed or the level is malformed") }
    self.init(id: id, chunkerSeed: seed, compressionLevel: level)
  }
}
