import CProtobufCompiler
import ProtobufC

/// The comments of one file, by the path of what they stand at (descriptor.proto, `SourceCodeInfo.Location`).
struct CommentIndex {
  private var comments: [[Int32]: String] = [:]

  init(_ info: UnsafePointer<Google__Protobuf__SourceCodeInfo>?) {
    guard let info else { return }
    let locations = CReading.messages(info.pointee.n_location, info.pointee.location) { $0 }
    for location in locations {
      let leading = CReading.string(location.pointee.leading_comments)
      let trailing = CReading.string(location.pointee.trailing_comments)
      let text = [leading, trailing].filter { !$0.isEmpty }.joined(separator: "\n")
      guard !text.isEmpty else { continue }
      comments[CReading.scalars(location.pointee.n_path, location.pointee.path)] = text
    }
  }

  /// Empty: there is none.
  subscript(path: [Int32]) -> String { comments[path] ?? "" }
}
