/// What a pack says of itself.
struct PackContents: Sendable {
  let header: PackHeader
  let records: [FooterRecord]
  let length: UInt64

  var finished: FinishedPack {
    FinishedPack(id: header.id, length: length, records: records.map(\.blob))
  }

  /// Reads header, trailer and footer of a pack, and checks all that they say of each other. Throws `damaged`.
  init(_ id: PackID, _ file: OpenFile) throws(RepositoryError) {
    length = try file.size()
    do throws(FormatError) {
      guard length >= UInt64(PackHeader.byteCount + PackTrailer.byteCount),
        length <= UInt64(Format.largestPack)
      else { throw FormatError("it is \(length) bytes long") }
    } catch {
      throw RepositoryError(.damaged, "\(file.path): \(error)")
    }
    let headerBytes = try Self.read(file, 0, PackHeader.byteCount)
    let trailerStart = length - UInt64(PackTrailer.byteCount)
    let trailerBytes = try Self.read(file, trailerStart, PackTrailer.byteCount)
    do throws(FormatError) {
      header = try PackHeader(headerBytes)
      let trailer = try PackTrailer(trailerBytes)
      guard header.id == id else { throw FormatError("it is pack \(header.id)") }
      let footerLength = UInt64(trailer.count) * UInt64(BlobRecord.byteCount)
      guard trailer.footerOffset <= trailerStart,
        trailerStart - trailer.footerOffset == footerLength
      else { throw FormatError("its footer is not where its trailer says") }
      let footer: [UInt8]
      do throws(RepositoryError) {
        footer = try Self.read(file, trailer.footerOffset, Int(footerLength))
      } catch { throw FormatError(error.message) }
      records = try Self.records(footer, headerBytes, trailer)
    } catch {
      throw RepositoryError(.damaged, "\(file.path): \(error)")
    }
  }

  private static func read(
    _ file: OpenFile, _ offset: UInt64, _ count: Int
  ) throws(RepositoryError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try file.read(at: offset, into: &target)
    return bytes
  }

  private static func records(
    _ footer: [UInt8], _ header: [UInt8], _ trailer: PackTrailer
  ) throws(FormatError) -> [FooterRecord] {
    let hash = SHA256()
    hash.update(header.span.bytes)
    hash.update(footer.span.bytes)
    guard hash.finish() == trailer.digest else { throw FormatError("its footer's digest is wrong") }
    var reader = ByteReader(footer)
    var records: [FooterRecord] = []
    records.reserveCapacity(Int(trailer.count))
    var position = UInt64(PackHeader.byteCount)
    for _ in 0..<trailer.count {
      let record = try FooterRecord(&reader)
      guard UInt64(record.blob.offset) == position else {
        throw FormatError("its blobs do not follow each other")
      }
      position = record.blob.end
      records.append(record)
    }
    guard position == trailer.footerOffset else {
      throw FormatError("its blobs do not reach its footer")
    }
    return records
  }
}
