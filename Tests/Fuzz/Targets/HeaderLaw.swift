import GRPC

/// Whatever is read from a header block means the same when it is written and read again.
enum HeaderLaw {
  /// Lines of `name: value`; each block is read as a request's head and as a response's parts.
  static func check(_ input: [UInt8]) throws(BrokenLaw) {
    let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let fields = lines.map { line in
      let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1)
      return HeaderField(text(parts.first), text(parts.dropFirst().first))
    }
    try checkRequest(fields)
    try checkResponse(fields)
    for line in lines { try checkText(text(line)) }
  }

  private static func text(_ bytes: ArraySlice<UInt8>?) -> String {
    String(decoding: bytes ?? [], as: UTF8.self)
  }

  private static func checkRequest(_ fields: [HeaderField]) throws(BrokenLaw) {
    guard let head = try? RequestHead(fields: fields) else { return }
    var roomy = CallLimits()
    roomy.maximumMetadata = 1 << 20
    let written = head.fields(scheme: "http", authority: "here")
    do {
      let again = try RequestHead(fields: written, limits: roomy)
      try law(again.path == head.path, "another path: \(again.path)")
      try law(
        again.timeout.map(Timeout.format) == head.timeout.map(Timeout.format), "another timeout")
      try law(
        again.metadata == head.metadata, "other metadata: \(head.metadata) → \(again.metadata)")
    } catch let error as BrokenLaw {
      throw error
    } catch {
      throw BrokenLaw("what was written is not read: \(error)")
    }
  }

  private static func checkResponse(_ fields: [HeaderField]) throws(BrokenLaw) {
    _ = try? ResponseHead(fields: fields)
    for isTrailersOnly in [true, false] {
      let trailers = ResponseTrailers(fields: fields, isTrailersOnly: isTrailersOnly)
      var roomy = CallLimits()
      roomy.maximumMetadata = 1 << 20
      let again = ResponseTrailers(fields: trailers.fields, isTrailersOnly: false, limits: roomy)
      try law(again.code == trailers.code, "\(trailers.code) became \(again.code)")
      try law(again.message == trailers.message, "another message: \(again.message)")
      try law(again.details == trailers.details, "other details")
      try law(again.metadata == trailers.metadata, "other metadata")
    }
  }

  private static func checkText(_ text: String) throws(BrokenLaw) {
    let encoded = PercentEncoding.encode(text)
    try law(PercentEncoding.decode(encoded) == text, "percent encoding loses \(text)")
    try law(encoded.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "not ASCII: \(encoded)")
    _ = PercentEncoding.decode(text)
    if let timeout = Timeout.parse(text) {
      guard let again = Timeout.parse(Timeout.format(timeout)) else {
        throw BrokenLaw("\(timeout) is written so that it is not read")
      }
      try law(again >= timeout, "\(timeout) became less: \(again)")
    }
    var metadata = Metadata()
    guard (try? metadata.addBinary("x-bin", Array(text.utf8))) != nil else { return }
    let head = RequestHead(path: "/a/b", metadata: metadata)
    let limits = {
      var limits = CallLimits()
      limits.maximumMetadata = 1 << 20
      return limits
    }()
    let again = try? RequestHead(
      fields: head.fields(scheme: "http", authority: "a"), limits: limits)
    try law(again?.metadata == metadata, "base64 loses bytes")
  }
}
