/// What a fuzzer feeds; `Deploy/fuzz` runs one by its raw value, the tests replay the corpus of each.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// A server's HTTP/2 session.
  case http2Server = "http2-server"
  /// A client's HTTP/2 session, with a request under way.
  case http2Client = "http2-client"
  /// Messages cut out of a stream of bytes, and decompressed.
  case framing
  /// Header blocks, and what stands in their values.
  case headers
  /// Protobuf messages and their JSON.
  case protobuf
  /// A server's connection: HTTP/2, calls, handlers.
  case connection

  /// Feeds one input; throws if a law is broken, and traps or overruns memory at worse.
  package func run(_ input: [UInt8]) throws(BrokenLaw) {
    switch self {
    case .http2Server: try HTTP2Law.check(input, role: .server)
    case .http2Client: try HTTP2Law.check(input, role: .client)
    case .framing: try FramingLaw.check(input)
    case .headers: try HeaderLaw.check(input)
    case .protobuf: try ProtobufLaw.check(input)
    case .connection: try ConnectionLaw.check(input)
    }
  }
}

/// An input for which something is not as it must be.
package struct BrokenLaw: Error, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}

/// Throws unless the law holds.
func law(_ holds: Bool, _ text: @autoclosure () -> String) throws(BrokenLaw) {
  if !holds { throw BrokenLaw(text()) }
}
