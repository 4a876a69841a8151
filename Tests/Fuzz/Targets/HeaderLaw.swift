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

  /// What is written may be longer than what was read.
  private static let roomy = {
    var limits = CallLimits()
    limits.maximumMetadata = 1 << 20
    return limits
  }()

  private static func checkRequest(_ fields: [HeaderField]) throws(BrokenLaw) {
    guard let head = try? RequestHead(fields: fields) else { return }
    let written = head.fields(scheme: "http", authority: "here")
    do {
      let again = try RequestHead(fields: written, limits: roomy)
      try law(again.path == head.path, "another path: \(again.path)")
      try law(
        again.timeout.map(Timeout.format) == head.timeout.map(Timeout.format), "another timeout")
      try law(
        again.metadata == head.metadata, "other metadata: \(head.metadata) → \(again.metadata)")
      try law(
        again.encoding == head.encoding && again.acceptedEncodings == head.acceptedEncodings,
        "other encodings: \(again.encoding), \(again.acceptedEncodings)")
      try law(
        again.previousAttempts == head.previousAttempts,
        "\(head.previousAttempts) attempts became \(again.previousAttempts)")
    } catch let error as BrokenLaw {
      throw error
    } catch {
      throw BrokenLaw("what was written is not read: \(error)")
    }
  }

  private static func checkResponse(_ fields: [HeaderField]) throws(BrokenLaw) {
    if let head = try? ResponseHead(fields: fields) {
      let again = try? ResponseHead(fields: head.fields, limits: roomy)
      try law(again == head, "another head: \(head) → \(again, default: "nil")")
    }
    for isTrailersOnly in [true, false] {
      let trailers = ResponseTrailers(fields: fields, isTrailersOnly: isTrailersOnly)
      let again = ResponseTrailers(fields: trailers.fields, isTrailersOnly: false, limits: roomy)
      try law(again.code == trailers.code, "\(trailers.code) became \(again.code)")
      try law(again.message == trailers.message, "another message: \(again.message)")
      try law(again.details == trailers.details, "other details")
      // OK is sent without one.
      try law(
        again.pushback == (trailers.code == .ok ? nil : trailers.pushback),
        "\(trailers.pushback, default: "nil") became \(again.pushback, default: "nil")")
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
    let again = try? RequestHead(
      fields: head.fields(scheme: "http", authority: "a"), limits: roomy)
    try law(again?.metadata == metadata, "base64 loses bytes")
  }
}
