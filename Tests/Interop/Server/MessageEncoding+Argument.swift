import ArgumentParser
import GRPC

extension MessageEncoding: ExpressibleByArgument {
  /// Takes the names of the encodings that compress.
  public init?(argument: String) {
    let known = Self.allCases.first { $0 != .identity && $0.name == argument }
    guard let known else { return nil }
    self = known
  }
}
